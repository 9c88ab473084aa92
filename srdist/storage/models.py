"""Which files a model on disk consists of: inputs of the stages that use it."""

from __future__ import annotations

from pathlib import Path

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
