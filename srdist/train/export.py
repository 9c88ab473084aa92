"""The trained model as a folder that `transformers` loads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from srdist.config.schema import Config
from srdist.storage.files import ASIDE
from srdist.storage.tables import MODEL
from srdist.templates import load_tokenizer
from srdist.train.device import Rank, done_by_first, import_deepspeed
from srdist.train.engine import load_base
from srdist.train.lora import save_merged

if TYPE_CHECKING:
    import deepspeed
    import torch


def export_model(engine: deepspeed.DeepSpeedEngine, config: Config, rank: Rank) -> None:
    """Write weights (safetensors, in the type they were trained in), configs and tokenizer to `model/`.

    All ranks call it; rank 0 holds the whole model once, in its main memory.
    """
    weights = gathered_weights(engine, rank, frozen=config.train.lora is None)
    done_by_first(lambda: save_model(engine.module, weights, config), rank)


def save_model(model: torch.nn.Module, weights: dict[str, torch.Tensor], config: Config) -> None:
    """Write gathered weights to `model/`, as `export_model` does; one process calls it.

    Tied weights are stored once. Adapters are merged into the weights, and saved beside them in `model/adapter/`.
    """
    import torch

    folder = config.run_dir / MODEL
    aside = folder.with_name(folder.name + ASIDE)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    if config.train.lora:
        model, weights = save_merged(model, weights, load_base(config.model, torch.device("cpu")), aside), None
    model.save_pretrained(aside, state_dict=weights)
    load_tokenizer(config.model.base).save_pretrained(aside)
    for path in filter(Path.is_file, aside.rglob("*")):
        path.chmod(0o644)
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def gathered_weights(engine: deepspeed.DeepSpeedEngine, rank: Rank, *, frozen: bool) -> dict[str, torch.Tensor]:
    """Gather one parameter after the other; return them on the CPU of rank 0, nothing on the others.

    Args:
        frozen: with the parameters that are not trained.
    """
    deepspeed = import_deepspeed(rank)
    weights = {}
    for name, parameter in engine.module.named_parameters():
        if not (frozen or parameter.requires_grad):
            continue
        with deepspeed.zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
            if rank.is_first:
                weights[name] = parameter.detach().cpu().clone()
    if rank.is_first:
        saved = engine.module.state_dict().keys()
        weights |= {name: buffer.cpu() for name, buffer in engine.module.named_buffers() if name in saved}
    return weights
