"""Language models of a config: their files, which are inputs of the stages that use them, and how they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srdist.errors import UserError

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


def load_language_model(model: str, what: str, key: str, **tokenizer_options: Any) -> tuple[Any, Any]:
    """Load a causal language model that is not the run's own, on a GPU where there is one, and its tokenizer.

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

    local = is_folder(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=local, **tokenizer_options)
        loaded = AutoModelForCausalLM.from_pretrained(model, local_files_only=local, dtype="auto")
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        cure = f"set {key} to the folder or the hub name of a causal language model"
        raise UserError(f"cannot load {what}: {reason}", file=model, cure=cure) from None
    return loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
