"""Typed access to the fields of a JSON record; what does not fit raises RecordError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from srdist.corpus.bad_records import RecordError

FORMAT_CURE = "correct the record or `format` in the config"
KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def as_object(value: Any, what: str = "the record") -> dict[str, Any]:
    """Return `value` if it is a JSON object."""
    return _typed(value, dict, what)


def find(record: dict[str, Any], *names: str) -> Any:
    """Return the first of these fields that is there and not null, else None."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def required(record: dict[str, Any], *names: str) -> Any:
    """Return the first of these fields that is there and not null."""
    value = find(record, *names)
    if value is None:
        raise RecordError(f"lacks the field {' or '.join(names)}", FORMAT_CURE)
    return value


def text(record: dict[str, Any], *names: str) -> str:
    """Return a text that is not blank, without white space at its ends."""
    value = as_text(required(record, *names), names[0])
    if not value:
        raise RecordError(f"{names[0]} is empty", "fill it in or take the record out")
    return value


def optional_text(record: dict[str, Any], *names: str) -> str:
    """Return a text without white space at its ends, empty where the field is absent."""
    value = find(record, *names)
    return "" if value is None else as_text(value, names[0])


def identifier(record: dict[str, Any], *names: str) -> str:
    """Return an id: text without white space, or a whole number written as text."""
    return as_identifier(required(record, *names), names[0])


def as_identifier(value: Any, what: str) -> str:
    """Return an id: text without white space, or a whole number written as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    _typed(value, str, what)
    check_characters(value, what)
    if value.split() != [value]:
        problem = f"{what} {value!r} contains white space" if value.strip() else f"{what} is empty"
        raise RecordError(problem, "give it an id without white space, as TREC runs need it")
    return value


def position(value: Any, what: str) -> int:
    """Return a position counted from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RecordError(f"{what} is {value!r}, it should be a number from 0 up", FORMAT_CURE)
    return value


def as_list(value: Any, what: str) -> list[Any]:
    """Return `value` if it is a JSON list."""
    return _typed(value, list, what)


def as_text(value: Any, what: str) -> str:
    """Return `value` without white space at its ends if it is text that UTF-8 can hold."""
    _typed(value, str, what)
    check_characters(value, what)
    return value.strip()


def texts(value: Any, what: str) -> tuple[str, ...]:
    """Return a list of texts, each without white space at its ends; blank ones stay, as empty texts."""
    return tuple(as_text(item, f"an item of {what}") for item in as_list(value, what))


def answers(record: dict[str, Any], name: str = "answers") -> tuple[str, ...]:
    """Return the list of answers, each once; none where the field is absent."""
    value = find(record, name)
    return () if value is None else distinct(texts(value, name))


def distinct(items: Iterable[str]) -> tuple[str, ...]:
    """Return the texts that are not empty, each once, in order."""
    return tuple(dict.fromkeys(item for item in items if item))


def with_text(paragraphs: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the paragraphs if one of them is not empty."""
    if not any(paragraphs):
        raise RecordError(f"{what} is empty", "fill it in or take the record out")
    return paragraphs


def lines_of(value: str) -> tuple[str, ...]:
    """Return the lines of a text that are not blank, without white space at their ends."""
    return tuple(line.strip() for line in value.split("\n") if line.strip())


def check_characters(value: str, what: str) -> None:
    """Refuse half a surrogate pair, which JSON can spell and UTF-8 cannot."""
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise RecordError(f"{what} contains half a surrogate pair", "write the character out in UTF-8") from None


def _typed(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        found = KINDS.get(type(value), "null")
        raise RecordError(f"{what} is {found}, it should be {KINDS[kind]}", FORMAT_CURE)
    return value
