"""The DeepSpeed JSON: the user's file, completed with what the config decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from srdist.config.paths import locate
from srdist.config.schema import Config
from srdist.errors import UserError


def read_deepspeed_json(path: Path) -> dict[str, Any]:
    """Read the user's file.

    Raises:
        UserError: the file is missing or not a JSON object.
    """
    path = locate(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"not valid JSON: {error.msg}", file=path, line=error.lineno) from None
    if not isinstance(content, dict):
        raise UserError("a DeepSpeed configuration is a JSON object", file=path)
    return content


def deepspeed_settings(config: Config, ranks: int) -> dict[str, Any]:
    """Return the settings for `deepspeed.initialize`.

    Batch sizes, types and clipping come from the config; `"auto"` in the file counts as absent. With bfloat16
    weights, gradients are accumulated in float32 unless the file says otherwise.

    Raises:
        UserError: the file says something else than the config about one of them, brings an optimizer, or sets
            ZeRO stage 0 (whose wrappers report no gradient norm in float32 and drift in bfloat16).
    """
    path, train = config.train.deepspeed, config.train
    settings = _without_auto(read_deepspeed_json(path))
    for section, cure in (
        ("optimizer", "train.learning_rate, betas, weight_decay"),
        ("scheduler", "train.warmup_share"),
    ):
        if section in settings:
            raise UserError(f"a section {section!r} is not used here", file=path, cure=f"remove it and set {cure}")
    accumulation = -(-train.rows_per_step // ranks)
    bfloat16 = config.model.dtype == "bfloat16"
    decided = (
        ("train_micro_batch_size_per_gpu", 1, "packing, which makes one row one batch"),
        ("gradient_accumulation_steps", accumulation, f"train.rows_per_step {train.rows_per_step} on {ranks} ranks"),
        ("train_batch_size", accumulation * ranks, f"train.rows_per_step {train.rows_per_step} on {ranks} ranks"),
        ("gradient_clipping", train.max_gradient_norm, f"train.max_gradient_norm {train.max_gradient_norm}"),
        ("bf16.enabled", bfloat16, f"model.dtype {config.model.dtype}"),
        ("fp16.enabled", False, f"model.dtype {config.model.dtype}"),
    )
    for key, value, source in decided:
        _decide(settings, key, value, source, path)
    if settings.get("zero_optimization", {}).get("stage", 0) == 0:
        cure = "set it to 1, 2 or 3; on one rank 1 costs the same"
        raise UserError("zero_optimization.stage 0 is not supported", file=path, cure=cure)
    settings.setdefault("steps_per_print", None)
    if bfloat16:
        settings.setdefault("data_types", {"grad_accum_dtype": "fp32"})
    return settings


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
