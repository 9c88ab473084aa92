"""KILT: the knowledge source (Wikipedia in JSON lines) and its task files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.json_files import json_lines
from srdist.corpus.records import Document, Gold, Query

HEADING = "Section::::"
BULLET = re.compile(r"^BULLET::::\s*(?:-\s|\d+\.\s)?\s*")


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read `{wikipedia_id | _id, wikipedia_title, text: [title, paragraph, ...]}`.

    Every paragraph keeps its position, because provenance counts them all, the title too: title and
    section headings become empty paragraphs. The marker of a list item is removed, its text stays.
    """
    return bad.parsed(json_lines(path, bad), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Read `{id, input, output: [{answer?, provenance: [{wikipedia_id, start_paragraph_id?, end_paragraph_id?}]}]}`."""
    return bad.parsed(json_lines(path, bad), _query)


def _document(value: Any) -> Document:
    record = fields.as_object(value)
    identifier = fields.identifier(record, "wikipedia_id", "_id")
    texts = fields.texts(fields.required(record, "text"), "text")
    title = fields.optional_text(record, "wikipedia_title") or (texts[0] if texts else "")
    paragraphs = ("", *map(_clean, texts[1:]))
    return Document(identifier, title, fields.with_text(paragraphs, "text"))


def _clean(paragraph: str) -> str:
    return "" if paragraph.startswith(HEADING) else BULLET.sub("", paragraph)


def _query(value: Any) -> Query:
    record = fields.as_object(value)
    answers, gold = [], []
    for item in fields.as_list(fields.find(record, "output") or [], "output"):
        output = fields.as_object(item, "an item of output")
        answers.append(fields.optional_text(output, "answer"))
        for source in fields.as_list(fields.find(output, "provenance") or [], "provenance"):
            gold.extend(_gold(fields.as_object(source, "an item of provenance")))
    identifier, text = fields.identifier(record, "id"), fields.text(record, "input")
    return Query(identifier, text, "", fields.distinct(answers), tuple(dict.fromkeys(gold)))


def _gold(source: dict[str, Any]) -> list[Gold]:
    """Give every paragraph of the span, or the document where no paragraph is named."""
    document, start = fields.identifier(source, "wikipedia_id"), fields.find(source, "start_paragraph_id")
    if start is None:
        return [Gold(document)]
    first = fields.position(start, "start_paragraph_id")
    end = fields.find(source, "end_paragraph_id")
    last = first if end is None else fields.position(end, "end_paragraph_id")
    return [Gold(document, paragraph) for paragraph in range(first, max(first, last) + 1)]
