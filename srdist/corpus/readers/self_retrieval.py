"""The layout of the published code of Self-Retrieval: docs.json, train.json and test.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.json_files import json_array, json_lines
from srdist.corpus.records import Document, Gold, Query

REJECTION = "cannot extract answer"
"""the answer of the negative examples in that code's training files"""


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read a JSON array of `{wikipedia_id, title, chunks}`; the chunks are passages."""
    return bad.parsed(json_array(path), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Read JSON lines of `{id, query, answers: [{answer, context: [{wikipedia_id, chunk_id, neg?}]}]}`.

    `answers` may be one object instead of a list. Contexts marked `neg` and rejections are left out.
    """
    return bad.parsed(json_lines(path, bad), _query)


def _document(value: Any) -> Document:
    record = fields.as_object(value)
    chunks = fields.with_text(fields.texts(fields.required(record, "chunks"), "chunks"), "chunks")
    identifier = fields.identifier(record, "wikipedia_id")
    return Document(identifier, fields.optional_text(record, "title"), chunks, ready=True)


def _query(value: Any) -> Query:
    record = fields.as_object(value)
    entries = fields.required(record, "answers")
    entries = [entries] if isinstance(entries, dict) else fields.as_list(entries, "answers")
    answers, gold = [], []
    for item in entries:
        entry = fields.as_object(item, "an item of answers")
        contexts = fields.as_list(fields.find(entry, "context") or [], "context")
        contexts = [fields.as_object(context, "an item of context") for context in contexts]
        positive = [_gold(context) for context in contexts if not context.get("neg")]
        answer = fields.optional_text(entry, "answer")
        if answer != REJECTION and (positive or not contexts):
            answers.append(answer)
            gold.extend(positive)
    identifier, text = fields.identifier(record, "id"), fields.text(record, "query")
    return Query(identifier, text, "", fields.distinct(answers), tuple(dict.fromkeys(gold)))


def _gold(context: dict[str, Any]) -> Gold:
    chunk = fields.position(fields.required(context, "chunk_id"), "chunk_id")
    return Gold(fields.identifier(context, "wikipedia_id"), chunk)
