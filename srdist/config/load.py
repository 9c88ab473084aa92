"""Read a config file, apply `--set` overrides, explain what is wrong with it."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from srdist.config.paths import PlacedText
from srdist.config.schema import Config
from srdist.config.study import StudyConfig
from srdist.config.yaml_text import parse_yaml
from srdist.errors import UserError
from srdist.storage.files import write_text

Schema = TypeVar("Schema", bound=BaseModel)


def load_config(path: Path | str, overrides: Iterable[str] = ()) -> Config:
    """Read an experiment's YAML file, or the `config.yaml` of a run's folder, wherever that lies now.

    A file may name another one that it `extends`: it then gives only the values that differ.

    Args:
        path: the file, or the folder; relative paths in a file are relative to its folder.
        overrides: `section.key=value` texts; the value is YAML, its paths relative to the working directory, or to
            the folder of the file that the override stands in.

    Raises:
        UserError: the file cannot be read, a key is unknown (names the nearest known one) or a value is wrong.
    """
    path = Path(path)
    if not path.is_dir():
        return _load(path, overrides, Config)
    return _load(path / "config.yaml", [as_override("output", path.resolve()), *overrides], Config)


def as_override(key: str, path: Path) -> str:
    """Return the override that sets a key to a path, whatever characters it has."""
    return f"{key}={json.dumps(str(path), ensure_ascii=False)}"


def load_study(path: Path | str) -> StudyConfig:
    """Read a study's YAML file, in the same way.

    Raises:
        UserError: as `load_config`.
    """
    return _load(Path(path), (), StudyConfig)


def _load(path: Path, overrides: Iterable[str], schema: type[Schema]) -> Schema:
    data = _read(path)
    for override in overrides:
        _apply(data, override)
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise UserError(_explain(error, schema), file=path) from None


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict:
    try:
        data = _placed(parse_yaml(path.read_text(encoding="utf-8")), path.resolve().parent)
    except FileNotFoundError:
        raise UserError(
            "no such config file", file=path, cure="name a file, as those in configs/, or a run's folder"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config: {error}", file=path) from None
    except RecursionError:
        raise UserError("not valid YAML: nested too deeply", file=path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise UserError(f"not valid YAML: {getattr(error, 'problem', error)}", file=path, line=line) from None
    if not isinstance(data, dict):
        raise UserError("a config is a mapping of sections", file=path, cure="see configs/quickstart.yaml")
    parent = data.pop("extends", None)
    if parent is None:
        return data
    if not isinstance(parent, str):
        raise UserError("extends names one file", file=path, cure="let that file extend the others")
    if path.resolve() in seen:
        raise UserError("this file extends itself", file=path)
    return _merged(_read(path.resolve().parent / parent, (*seen, path.resolve())), data)


def _placed(value: Any, base: Path) -> Any:
    """Let every text in a config know the folder it was read in."""
    if isinstance(value, str):
        return PlacedText.at(base, value)
    if isinstance(value, list):
        return [_placed(item, base) for item in value]
    if isinstance(value, dict):
        return {key: _placed(item, base) for key, item in value.items()}
    return value


def _merged(old: dict, new: dict) -> dict:
    """Return `old` with the values of `new`; mappings are merged, anything else is replaced."""
    shared = [key for key in new if isinstance(old.get(key), dict) and isinstance(new[key], dict)]
    both = {key: _merged(old[key], new[key]) for key in shared}
    return {**old, **new, **both}


def _apply(data: dict, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override!r} is not of the form section.key=value")
    try:
        value = _placed(parse_yaml(text), override.base if isinstance(override, PlacedText) else Path.cwd())
    except (yaml.YAMLError, RecursionError):
        raise UserError(f"--set {override!r}: the value is not valid YAML") from None
    *sections, last = key.split(".")
    for section in sections:
        if data.get(section) is None:
            data[section] = {}
        data = data[section]
        if not isinstance(data, dict):
            raise UserError(f"--set {override!r}: {section} is not a section")
    data[last] = value


def _explain(error: ValidationError, schema: type[BaseModel]) -> str:
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")  # a misspelt key first
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"][:-1], schema)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        message = f"unknown key {where} -- {hint}"
    elif first["type"] == "missing":
        message = f"{where} is missing"
    else:
        message = f"{where}: {first['msg']}" if where else first["msg"]
    more = error.error_count() - 1
    return message + (f" (and {more} more)" if more else "")


def _known_keys(location: Sequence[str | int], section: type[BaseModel]) -> list[str]:
    for part in location:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        candidates = [annotation, *typing.get_args(annotation)]
        section = next(item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel))
    return list(section.model_fields)


def save_config(config: Config | StudyConfig, path: Path) -> None:
    """Write a config with every value spelled out and every path absolute."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
