"""The DeepSpeed JSON: the user's file, completed with what the config decides."""

from __future__ import annotations

import functools
import json
import logging
from pathlib import Path
from typing import Any

from srdist.config.paths import locate
from srdist.config.schema import Config
from srdist.errors import UserError

UNUSED_SECTIONS = {
    "optimizer": "train.learning_rate, betas, weight_decay",
    "scheduler": "train.warmup_share",
    "activation_checkpointing": "train.gradient_checkpointing",
    "elasticity": "train.processes, which may change from one start to the next",
}
"""Sections of a DeepSpeed JSON that have no effect here -> the setting that has it."""

OBJECTS = (
    "bf16",
    "fp16",
    "torch_autocast",
    "checkpoint",
    "zero_optimization",
    "zero_optimization.offload_optimizer",
    "zero_optimization.offload_param",
)
"""Keys of a DeepSpeed JSON that are read here and hold an object; one inside another comes after it."""

logger = logging.getLogger(__name__)


def read_deepspeed_json(path: Path) -> dict[str, Any]:
    """Read the user's file.

    Raises:
        UserError: the file is missing or not a JSON object, or a key that holds an object holds something else.
    """
    path = locate(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"not valid JSON: {error.msg}", file=path, line=error.lineno) from None
    except UnicodeDecodeError:
        raise UserError("not valid UTF-8", file=path, cure="convert it to UTF-8, for example with iconv") from None
    if not isinstance(content, dict):
        raise UserError("a DeepSpeed configuration is a JSON object", file=path)
    settings = _without_auto(content)
    for key in OBJECTS:
        value = functools.reduce(lambda section, name: section.get(name, {}), key.split("."), settings)
        if not isinstance(value, dict):
            what = f"{key} is {json.dumps(value)}, but must be an object"
            raise UserError(what, file=path, cure="write {...}, or remove it")
    return content


def deepspeed_settings(config: Config, ranks: int, *, universal: bool = False) -> dict[str, Any]:
    """Return the settings for `deepspeed.initialize`.

    Batch sizes, types and clipping come from the config; `"auto"` in the file counts as absent. With bfloat16
    weights, gradients are accumulated in float32 unless the file says otherwise.

    ZeRO stage 0 is taken as written in float32, where `engine.make_engine` clips the gradients, because DeepSpeed
    would throw their norm away. In bfloat16 it becomes stage 1: DeepSpeed's only optimizer for bfloat16 weights
    without ZeRO adds gradients up in bfloat16 and begins with an AdamW step of its own (which decays the weights);
    its `BF16_Optimizer`, which does neither, is what it runs at stage 1.

    Args:
        ranks: how many train together.
        universal: the checkpoint to go on from was converted for another number of ranks.

    Raises:
        UserError: the file says something else than the config, brings a section that has no effect here,
            offloads what its ZeRO stage leaves whole, or asks for what keeps the number of ranks from changing.
    """
    path, train = config.train.deepspeed, config.train
    settings = _without_auto(read_deepspeed_json(path))
    for section, cure in UNUSED_SECTIONS.items():
        if section in settings:
            raise UserError(f"a section {section!r} is not used here", file=path, cure=f"remove it and set {cure}")
    accumulation = -(-train.rows_per_step // ranks)
    bfloat16 = config.model.dtype == "bfloat16"
    rows = f"train.rows_per_step {train.rows_per_step} on {ranks} ranks"
    decided = (
        ("train_micro_batch_size_per_gpu", 1, "packing, which makes one row one batch"),
        ("gradient_accumulation_steps", accumulation, rows),
        ("train_batch_size", accumulation * ranks, rows),
        ("gradient_clipping", train.max_gradient_norm, f"train.max_gradient_norm {train.max_gradient_norm}"),
        ("bf16.enabled", bfloat16, f"model.dtype {config.model.dtype}"),
        ("fp16.enabled", False, f"model.dtype {config.model.dtype}"),
        ("torch_autocast.enabled", False, f"model.dtype {config.model.dtype}"),
        ("checkpoint.load_universal", universal, "resuming, which converts checkpoints where needed,"),
        ("zero_force_ds_cpu_optimizer", False, "torch's AdamW, which steps on CPUs too,"),
    )
    for key, value, source in decided:
        _decide(settings, key, value, source, path)
    _set_stage(settings, bfloat16, path)
    if universal:
        _check_convertible(settings["zero_optimization"], path)
    settings.setdefault("steps_per_print", None)
    if bfloat16:
        settings.setdefault("data_types", {"grad_accum_dtype": "fp32"})
    return settings


def _set_stage(settings: dict[str, Any], bfloat16: bool, path: Path) -> None:
    zero = settings.setdefault("zero_optimization", {})
    stage = zero.setdefault("stage", 0)
    if stage not in (0, 1, 2, 3):
        raise UserError(f"there is no ZeRO stage {stage}", file=path, cure="zero_optimization.stage is 0, 1, 2 or 3")
    for key, lowest in (("offload_optimizer", 1), ("offload_param", 3)):
        if zero.get(key, {}).get("device", "none") != "none" and stage < lowest:
            what = f"zero_optimization.{key} has no effect at stage {stage}"
            raise UserError(what, file=path, cure=f"remove it, or set stage {lowest} or higher")
    if stage == 0 and bfloat16:
        logger.warning("%s: zero_optimization.stage 0 is run as stage 1, which keeps bfloat16 training exact", path)
        zero["stage"] = 1
    elif stage == 0:
        settings["gradient_clipping"] = 0.0


def _check_convertible(zero: dict[str, Any], path: Path) -> None:
    """Refuse what DeepSpeed's universal checkpoint leaves out: state on NVMe, shards repeated in groups of ranks."""
    for found, name in (
        (zero.get("offload_optimizer", {}).get("device") == "nvme", "offload_optimizer.device nvme"),
        (zero.get("mics_shard_size", -1) > 0, "mics_shard_size"),
    ):
        if found:
            what = f"a checkpoint of another number of ranks cannot be converted with zero_optimization.{name}"
            raise UserError(what, file=path, cure="train with as many ranks as before, or remove the checkpoints")


def _decide(settings: dict[str, Any], key: str, value: Any, source: str, path: Path) -> None:
    *sections, last = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
    if settings.setdefault(last, value) != value:
        what = f"{key} is {json.dumps(settings[last])} here, but {source} makes it {json.dumps(value)}"
        raise UserError(what, file=path, cure="remove it from the JSON or change the config")


def _without_auto(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_auto(item) for key, item in value.items() if item != "auto"}
