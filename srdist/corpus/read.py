"""Read the corpus of a config: documents and queries from all their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from srdist.config.paths import locate
from srdist.config.schema import CorpusConfig, QuerySource
from srdist.corpus.bad_records import BadRecords, RawRecord, RecordError
from srdist.corpus.qrels import with_gold
from srdist.corpus.readers import READERS
from srdist.corpus.records import Document, Query
from srdist.corpus.sample import choose_sample
from srdist.corpus.splits import with_split
from srdist.errors import UserError


def read_documents(config: CorpusConfig, bad: BadRecords) -> Iterator[Document]:
    """Give the documents of all sources in order; with `config.sample` those of the sample, in the same order.

    A sample reads the queries once and the documents twice; `bad` hears of each bad document once.

    Raises:
        UserError: a file cannot be read or holds no documents, a record is bad and the policy is `stop`,
            or the sample does not fit the corpus.
    """
    if config.sample is None:
        yield from _all_documents(config, bad)
        return
    queries = read_queries(config, bad.quiet())
    sample = choose_sample(_all_documents(config, bad.quiet()), queries, config.sample, config.titles.lowercase)
    yield from filter(sample.keeps, _all_documents(config, bad))


def read_queries(config: CorpusConfig, bad: BadRecords) -> Iterator[Query]:
    """Give the queries of all sources in order, each with its split and its gold.

    Gold is as the file names it: the document may be missing from the corpus.

    Raises:
        UserError: a file cannot be read or holds no queries, its qrels have a relevant document for none of them,
            a record is bad and the policy is `stop`, or a query is in both splits.
    """
    splits: dict[bytes, str] = {}
    for source in config.queries:
        path, given = locate(source.path), False
        for record, query in _source_queries(source, path, bad):
            try:
                query = with_split(query, source)
                _check_new(query, splits, record)
            except RecordError as error:
                bad.add(record, error.reason, error.cure)
                continue
            given = True
            yield query
        if source.qrels is None:
            _check_given(given, "queries", path, bad)
        elif not given:
            _refuse_qrels(locate(source.qrels), path, bad)


def _all_documents(config: CorpusConfig, bad: BadRecords) -> Iterator[Document]:
    seen: set[bytes] = set()
    for source in config.documents:
        path, given = locate(source.path), False
        for record, document in READERS[source.format].documents(path, bad):
            digest = _digest(document.id)
            if digest in seen:
                reason = f"the document id {document.id!r} occurs a second time"
                bad.add(record, reason, "give each document its own id")
                continue
            seen.add(digest)
            given = True
            yield document
        _check_given(given, "documents", path, bad)


def _source_queries(source: QuerySource, path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    reader = READERS[source.format]
    if reader.queries is None:
        cure = "name it under corpus.documents only"
        raise UserError(f"files of the format {source.format} have no queries", file=path, cure=cure)
    if reader.qrels != (source.qrels is not None):
        what = "needs a file of qrels" if reader.qrels else "takes no qrels, its gold is in the file itself"
        cure = "add `qrels` to the source" if reader.qrels else "remove `qrels` from the source"
        raise UserError(f"the format {source.format} {what}", file=path, cure=cure)
    queries = reader.queries(path, bad)
    return queries if source.qrels is None else with_gold(queries, locate(source.qrels), bad)


def _check_new(query: Query, splits: dict[bytes, str], record: RawRecord) -> None:
    """Note the query's split; refuse the same id again, in the other split for good."""
    digest = _digest(query.id)
    before = splits.get(digest)
    if before is None:
        splits[digest] = query.split
    elif before == query.split:
        raise RecordError(f"the query id {query.id!r} occurs a second time", "give each query its own id")
    else:
        what, cure = f"the query {query.id!r} is in the train and in the test split", "give each query one split"
        raise UserError(what, file=record.file, line=record.line, cure=cure)


def _check_given(given: bool, what: str, path: Path, bad: BadRecords) -> None:
    if not given:
        what = f"the file holds no {what}{_skipped(bad, path)}"
        raise UserError(what, file=path, cure="check `path` and `format` in the config")


def _refuse_qrels(qrels: Path, queries: Path, bad: BadRecords) -> NoReturn:
    what = f"no usable query of {queries} has a relevant document in this file{_skipped(bad, queries, qrels)}"
    raise UserError(what, file=qrels, cure="check `path`, `qrels` and `format` in the config, and the relevances")


def _skipped(bad: BadRecords, *paths: Path) -> str:
    count = sum(bad.by_file[str(path)] for path in paths)
    return f" ({count} bad records)" if count else ""


def _digest(identifier: str) -> bytes:
    return hashlib.blake2b(identifier.encode(), digest_size=8).digest()
