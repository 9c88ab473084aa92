"""Relevance judgements: which documents answer which query, in BEIR's or TREC's layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from srdist.corpus.bad_records import BadRecords, RawRecord, RecordError
from srdist.corpus.lines import read_lines
from srdist.corpus.records import Gold, Query

Judgement = tuple[str, str, float]
"""query id, document id, relevance"""


def read_qrels(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Judgement]]:
    """Give the judgements of a file, irrelevant ones too.

    Three columns (BEIR: query, document, relevance) or four (TREC: query, unused, document, relevance),
    separated by white space; a first line that starts with `query` or `qid` is a header.
    """
    lines = (record for record in read_lines(path, bad) if not _is_header(record))
    yield from bad.parsed(lines, _judgement)


def with_gold(
    queries: Iterable[tuple[RawRecord, Query]], qrels: Path, bad: BadRecords
) -> Iterator[tuple[RawRecord, Query]]:
    """Give the queries that have a relevant document, with their gold; a judgement of an unknown query is bad."""
    judged: dict[str, list[tuple[RawRecord, str, float]]] = {}
    for record, (query, document, relevance) in read_qrels(qrels, bad):
        judged.setdefault(query, []).append((record, document, relevance))
    known = set()
    for record, query in queries:
        known.add(query.id)
        documents = dict.fromkeys(document for _, document, relevance in judged.get(query.id, []) if relevance > 0)
        if documents:
            yield record, replace(query, gold=tuple(Gold(document) for document in documents))
    for query_id, lines in judged.items():
        for record, _, _ in lines if query_id not in known else ():
            bad.add(record, f"unknown query {query_id!r}", "add it to the file of queries or take the line out")


def _is_header(record: RawRecord) -> bool:
    columns = record.value.lower().split()
    return record.line == 1 and columns[0].startswith(("query", "qid")) and not _is_number(columns[-1])


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _judgement(line: str) -> Judgement:
    columns = line.split()
    if len(columns) not in (3, 4):
        raise RecordError(f"{len(columns)} columns, there should be 3 or 4", "write `query document relevance`")
    if not _is_number(columns[-1]):
        raise RecordError(f"the relevance {columns[-1]!r} is not a number", "write `query document relevance`")
    return columns[0], columns[-2], float(columns[-1])
