"""One module per file format, and the table that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.readers import beir, jsonl, kilt, msmarco, self_retrieval, squad, vital_articles
from srdist.corpus.records import Document, Query


class Reader(NamedTuple):
    """How to read a format.

    Attributes:
        documents: (file, bad) -> records and the documents made of them.
        queries: (file, bad) -> records and queries, their `split` empty unless the record has one of its
            own; None where the format has no queries.
        qrels: the gold of the queries stands in a file of its own.
    """

    documents: Callable[[Path, BadRecords], Iterator[tuple[RawRecord, Document]]]
    queries: Callable[[Path, BadRecords], Iterator[tuple[RawRecord, Query]]] | None = None
    qrels: bool = False


READERS: dict[str, Reader] = {
    "jsonl": Reader(jsonl.documents, jsonl.queries),
    "beir": Reader(beir.documents, beir.queries, qrels=True),
    "squad": Reader(squad.documents, squad.queries),
    "kilt": Reader(kilt.documents, kilt.queries),
    "self_retrieval": Reader(self_retrieval.documents, self_retrieval.queries),
    "msmarco": Reader(msmarco.documents, msmarco.queries, qrels=True),
    "vital_articles": Reader(vital_articles.documents),
}
"""format name, as in the config -> its reader"""
