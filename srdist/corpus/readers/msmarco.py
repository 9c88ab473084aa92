"""MS MARCO documents: tab-separated documents and queries, TREC qrels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.records import Document, Query
from srdist.corpus.tables import tsv_rows


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Read `id url title body`; the body is one paragraph, the title `.` means that there is none."""
    return bad.parsed(tsv_rows(path, ("id", "url", "title", "body"), bad), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Read `id text`, without gold."""
    return bad.parsed(tsv_rows(path, ("id", "text"), bad), _query)


def _document(row: dict[str, str]) -> Document:
    title = row["title"].strip()
    return Document(fields.identifier(row, "id"), "" if title == "." else title, (fields.text(row, "body"),))


def _query(row: dict[str, str]) -> Query:
    return Query(fields.identifier(row, "id"), fields.text(row, "text"), "", (), ())
