"""BEIR: corpus.jsonl, queries.jsonl and qrels of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.json_files import json_lines
from srdist.corpus.records import Document, Query


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read `{_id, title, text}`; the text is one paragraph, whatever line ends it holds."""
    return bad.parsed(json_lines(path, bad), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Read `{_id, text, metadata: {answers?}}`, without gold."""
    return bad.parsed(json_lines(path, bad), _query)


def _document(value: Any) -> Document:
    record = fields.as_object(value)
    identifier = fields.identifier(record, "_id", "id")
    return Document(identifier, fields.optional_text(record, "title"), (fields.text(record, "text"),))


def _query(value: Any) -> Query:
    record = fields.as_object(value)
    metadata = fields.as_object(record.get("metadata") or {}, "metadata")
    identifier = fields.identifier(record, "_id", "id")
    return Query(identifier, fields.text(record, "text"), "", fields.answers(metadata), ())
