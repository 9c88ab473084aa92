"""Paths in a config: relative to the file that names them, or inside an installed package."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

from srdist.errors import UserError

PACKAGE = "package:"


class PlacedText(str):
    """Text of a config that knows the folder which relative paths in it start at."""

    base: Path

    @classmethod
    def at(cls, base: Path, text: str) -> PlacedText:
        """Return `text`, read from a file in the folder `base`."""
        placed = cls(text)
        placed.base = base
        return placed


def _absolute(value: object) -> object:
    if not isinstance(value, (str, Path)) or str(value).startswith(PACKAGE):
        return value
    base = value.base if isinstance(value, PlacedText) else Path.cwd()
    text = str(value)
    try:
        if not os.path.lexists(base / text):  # else a `$` belongs to its name
            text = str(Path(_expand(text)).expanduser())
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return Path(os.path.abspath(base / text))


def _expand(text: str) -> str:
    """Replace `$NAME`, `${NAME}` and `${NAME:-default}` by the environment's values."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"] or match["plain"], match["default"]
        if name in os.environ:
            return os.environ[name]
        if default is None:
            raise ValueError(f"environment variable {name} is not set")
        return default

    return re.sub(r"\$(?:\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>\w+))", value, text)


def _as_written(value: object) -> object:
    if isinstance(value, dict) and value.keys() == {"set", "folder"}:
        return PlacedText.at(Path(value["folder"]), value["set"])
    if not isinstance(value, str):
        raise ValueError("should be a text of the form section.key=value")
    return value


def _with_folder(value: str) -> str | dict[str, str]:
    return {"set": str(value), "folder": str(value.base)} if isinstance(value, PlacedText) else value


Override = Annotated[str, PlainValidator(_as_written), PlainSerializer(_with_folder)]
"""`section.key=value`; paths in it start at the folder of the file that it stands in, which is saved with it"""
ConfigPath = Annotated[Path, BeforeValidator(_absolute)]
"""A path; `package:NAME/file` names a file that an installed Python package carries."""


def _model(value: object) -> object:
    if not isinstance(value, str) or value.startswith(PACKAGE):
        return value
    if value.startswith((".", "/", "~", "$")):
        return str(_absolute(value))
    for base in {getattr(value, "base", Path.cwd()), Path.cwd()}:
        if (base / value).is_dir():
            raise ValueError(f"{value} is a folder in {base}, and a name without ./ is one on the hub; write ./{value}")
    return value


ModelName = Annotated[str, BeforeValidator(_model)]
"""A folder (starts with `.`, `/`, `~` or `$`) or the name of a model on the Hugging Face hub."""


def locate(path: Path) -> Path:
    """Return the file that a `ConfigPath` names; raise UserError where it is not there."""
    text = str(path)
    if text.startswith(PACKAGE):
        name, _, rest = text.removeprefix(PACKAGE).partition("/")
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise UserError(f"the Python package {name} is not installed", cure=f"pip install --no-deps {name}")
        path = Path(spec.submodule_search_locations[0]) / rest
    if not path.exists():
        raise UserError("no such file or folder", file=path, cure="correct the path in the config")
    return path
