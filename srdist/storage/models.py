"""Language models of a config: their files, which are inputs of the stages that use them, and how they are loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srdist.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

CPU_FACTS = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = r"\b(avx512_bf16|amx_bf16|bf16)\b"
"""what Linux calls the instructions of x86 and ARM processors that multiply bfloat16 numbers"""
SUFFIXES = (".json", ".safetensors", ".bin", ".model", ".txt")


def is_folder(model: str) -> bool:
    """Tell whether a config's model is a folder; else it is a name on the hub."""
    return model.startswith("/")


def model_files(model: str, name: str, key: str) -> dict[str, Path]:
    """Return `name/file` -> path of a model's files, those of its subfolders too; none where it comes from the hub.

    Args:
        key: of the config, for the message.

    Raises:
        UserError: the folder has neither `config.json` nor `modules.json`.
    """
    if not is_folder(model):
        return {}
    folder = Path(model)
    if not any((folder / file).is_file() for file in ("config.json", "modules.json")):
        raise UserError("no model here: config.json is missing", file=folder, cure=f"correct {key}")
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES and path.is_file()]
    return {f"{name}/{path.relative_to(folder)}": path for path in paths}


def context_of(model: PretrainedConfig, place: Path | str) -> int:
    """Return the longest sequence that a causal language model takes, in tokens.

    Args:
        place: of the model, for the message.

    Raises:
        UserError: sequences cannot share its cache: some layers keep no keys and values of every token, or their
            attention depends on places in the cache instead of positions (ALiBi, local windows as GPT-Neo's).
    """
    config = model.get_text_config(decoder=True)
    kinds = {*(getattr(config, "layer_types", None) or ()), *(getattr(config, "attention_layers", None) or ())}
    kinds -= {"full_attention", "sliding_attention", "global"}
    longest = getattr(config, "max_position_embeddings", None)
    if kinds or longest is None or getattr(config, "alibi", False):
        what = f"this is a {config.model_type}, whose sequences cannot share a prompt"
        cure = "set model.base to a model with full attention, and learned or rotary positions"
        raise UserError(what + (f" (layers: {', '.join(sorted(kinds))})" if kinds else ""), file=place, cure=cure)
    return min(longest, getattr(config, "sliding_window", None) or longest)


def has_bfloat16(device: str) -> bool:
    """Tell whether a torch device of this machine computes in bfloat16, instead of converting each number."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return re.search(BFLOAT16_FLAGS, CPU_FACTS.read_text()) is not None


def weights_dtype(dtype: str, device: str) -> str:
    """Return `float32` or `bfloat16` for a config's `model.dtype` on a torch device of this machine."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if has_bfloat16(device) else "float32"


def load_language_model(model: str, what: str, key: str, **tokenizer_options: Any) -> tuple[Any, Any]:
    """Load a causal language model that is not the run's own, on a GPU where there is one, and its tokenizer.

    Its weights have the type they are stored in, or float32 on a device without bfloat16.

    Args:
        model: a folder, or a name on the hub.
        what: the model, in the message.
        key: of the config, in the message.
        tokenizer_options: for the tokenizer.

    Raises:
        UserError: it cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local, device = is_folder(model), "cuda" if torch.cuda.is_available() else "cpu"
    dtype = "auto" if has_bfloat16(device) else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=local, **tokenizer_options)
        loaded = AutoModelForCausalLM.from_pretrained(model, local_files_only=local, dtype=dtype)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        cure = f"set {key} to the folder or the hub name of a causal language model"
        raise UserError(f"cannot load {what}: {reason}", file=model, cure=cure) from None
    return loaded.to(device).eval(), tokenizer
