"""The base model inside a DeepSpeed engine, with its optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from srdist.config.schema import Config, ModelConfig
from srdist.errors import UserError
from srdist.storage.models import context_of, is_folder
from srdist.train.attention import register_packed_attention
from srdist.train.device import Rank, import_deepspeed
from srdist.train.lora import with_adapters
from srdist.train.settings import deepspeed_settings

if TYPE_CHECKING:
    import deepspeed
    import torch


def make_engine(config: Config, rank: Rank, *, universal: bool = False) -> deepspeed.DeepSpeedEngine:
    """Load the base model and wrap it; under ZeRO stage 3 no rank ever holds the whole model.

    Args:
        universal: a checkpoint converted for another number of ranks will be loaded into the engine.

    Raises:
        UserError: the base model cannot be loaded, or the DeepSpeed JSON contradicts the config.
    """
    import torch
    from transformers.integrations import HfDeepSpeedConfig

    settings = deepspeed_settings(config, rank.ranks, universal=universal)
    partitioned = HfDeepSpeedConfig(settings)  # from_pretrained looks for a living one
    torch.manual_seed(config.seed)
    model = load_base(config.model, rank.device)
    if config.train.lora:
        model = with_adapters(model, config.train.lora)
    del partitioned
    if config.train.gradient_checkpointing:
        model.activation_checkpointing_enable()
    model.train()
    optimizer = torch.optim.AdamW(
        parameter_groups(model, config.train.weight_decay),
        lr=config.train.learning_rate,
        betas=config.train.betas,
        fused=True,
    )
    if settings["zero_optimization"]["stage"] == 0:
        clip_before_steps(optimizer, config.train.max_gradient_norm)
    deepspeed = import_deepspeed(rank)
    return deepspeed.initialize(model=model, optimizer=optimizer, config=settings)[0]


def clip_before_steps(optimizer: torch.optim.Optimizer, norm: float) -> None:
    """Clip the gradients before every step, and leave their norm where a DeepSpeed engine looks for it.

    Without ZeRO, DeepSpeed clips as well (`DeepSpeedEngine._take_model_step`), but drops the norm.
    """
    import torch

    def clip(optimizer, *_):
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        optimizer._global_grad_norm = torch.nn.utils.clip_grad_norm_(parameters, norm)

    optimizer.register_step_pre_hook(clip)


def load_base(config: ModelConfig, device: torch.device) -> torch.nn.Module:
    """Load the pretrained causal language model in the configured type, with its attention kernel."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            config.base,
            dtype=getattr(torch, config.dtype),
            attn_implementation=attention_kernel(config, device),
            local_files_only=is_folder(config.base),
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"cannot load the base model ({reason})", file=config.base, cure="check model.base") from None
    context_of(model.config, config.base)  # what cannot be searched with, is not trained
    return model


def attention_kernel(config: ModelConfig, device: torch.device) -> str:
    """Return the kernel for `model.attention`.

    `auto` is flash attention on a GPU that has it (Ampere and later, in bfloat16), sdpa on any other, and on a CPU
    attention example by example.
    """
    import torch
    from transformers.utils import is_flash_attn_2_available

    if config.attention != "auto":
        return config.attention
    if device.type == "cpu":
        return register_packed_attention()
    fits = config.dtype == "bfloat16" and torch.cuda.get_device_capability(device) >= (8, 0)
    return "flash_attention_2" if fits and is_flash_attn_2_available() else "sdpa"


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups for AdamW: matrices decay, norms and biases do not."""
    matrices, vectors = [], []
    for parameter in filter(lambda parameter: parameter.requires_grad, model.parameters()):
        shape = getattr(parameter, "ds_shape", parameter.shape)
        (matrices if len(shape) > 1 else vectors).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def set_learning_rate(engine: deepspeed.DeepSpeedEngine, rate: float) -> None:
    """Set the rate of all parameter groups for the next step."""
    for group in engine.optimizer.param_groups:
        group["lr"] = rate
