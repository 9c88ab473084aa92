"""Low-rank adapters (Hu et al., 2021) by `peft`: put into the model before training, merged into it after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srdist.config.lora import LoraConfig
from srdist.errors import UserError

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

ADAPTER = "adapter"
"""Folder of the adapter alone, within the exported model's."""


def with_adapters(model: torch.nn.Module, config: LoraConfig) -> PeftModel:
    """Freeze a model and give it adapters, in its own type; they draw from torch's generator.

    Raises:
        UserError: peft is not installed, or `train.lora.targets` names no module of the model.
    """
    try:
        import peft
    except ImportError:
        raise UserError("train.lora needs the package peft", cure='install it: pip install "srdist[lora]"') from None
    adapters = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=config.targets,
    )
    try:
        return peft.get_peft_model(model, adapters, autocast_adapter_dtype=False)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"train.lora does not fit the model ({reason})", cure="correct train.lora.targets") from None


def save_merged(
    model: PeftModel, adapters: dict[str, torch.Tensor], base: torch.nn.Module, folder: Path
) -> torch.nn.Module:
    """Save the adapters to `folder/adapter`; return `base` with them merged into its weights.

    Args:
        adapters: name -> trained weight, as `model` calls them.
        base: the same base model, whole and without adapters.
    """
    import peft

    model.save_pretrained(folder / ADAPTER, state_dict=adapters, save_embedding_layers=False)
    return peft.PeftModel.from_pretrained(base, folder / ADAPTER).merge_and_unload()
