"""JSON lines, the package's own layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord, RecordError
from srdist.corpus.json_files import json_lines
from srdist.corpus.records import Document, Gold, Query


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read `{id, title?, text | paragraphs | passages}`; a `text` has one paragraph a line."""
    return bad.parsed(json_lines(path, bad), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Read `{id, text, answers?, gold? | documents? | title?, split?}`; of several kinds of gold the first counts."""
    return bad.parsed(json_lines(path, bad), _query)


def _document(value: Any) -> Document:
    record = fields.as_object(value)
    identifier = fields.identifier(record, "id", "_id")
    title = fields.optional_text(record, "title")
    for name in ("passages", "paragraphs"):
        if fields.find(record, name) is not None:
            paragraphs = fields.with_text(fields.texts(record[name], name), name)
            return Document(identifier, title, paragraphs, ready=name == "passages")
    if fields.find(record, "text") is None:
        raise RecordError("lacks the field text, paragraphs or passages", fields.FORMAT_CURE)
    return Document(identifier, title, fields.lines_of(fields.text(record, "text")))


def _query(value: Any) -> Query:
    record = fields.as_object(value)
    return Query(
        id=fields.identifier(record, "id", "_id"),
        text=fields.text(record, "text", "question", "query"),
        split=fields.optional_text(record, "split"),
        answers=fields.answers(record),
        gold=tuple(dict.fromkeys(_gold(record))),
    )


def _gold(record: dict[str, Any]) -> list[Gold]:
    if fields.find(record, "gold") is not None:
        return [_gold_entry(item) for item in fields.as_list(record["gold"], "gold")]
    if fields.find(record, "documents") is not None:
        items = fields.as_list(record["documents"], "documents")
        return [Gold(fields.as_identifier(item, "an item of documents")) for item in items]
    title = fields.optional_text(record, "title")
    return [Gold(title=title)] if title else []


def _gold_entry(value: Any) -> Gold:
    entry = fields.as_object(value, "an item of gold")
    paragraph = fields.find(entry, "paragraph")
    paragraph = None if paragraph is None else fields.position(paragraph, "paragraph")
    if fields.find(entry, "document") is None and fields.find(entry, "title") is not None:
        return Gold(None, paragraph, fields.text(entry, "title"))
    return Gold(fields.identifier(entry, "document"), paragraph)
