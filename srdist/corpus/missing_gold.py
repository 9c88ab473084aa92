"""Queries without gold in the corpus: found from ids and titles alone, before anything is made of the documents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from srdist.config.schema import CorpusConfig, TitlesConfig
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents, read_queries
from srdist.corpus.records import Document, Gold, Query
from srdist.corpus.titles import document_keys, gold_key
from srdist.errors import UserError
from srdist.storage.files import write_text

SHOWN = 5
"""queries that the message names; the list has all"""


def check_gold(config: CorpusConfig, listing: Path | None = None) -> None:
    """Refuse a corpus that lacks the gold of more queries than `corpus.max_missing_gold` allows.

    A query lacks gold if it names none, or only documents that are not there. With a sample, which may leave out gold
    of training queries, the test queries count. Reads the queries and the documents once.

    Args:
        listing: file for `query<TAB>gold` lines of all gold that is missing; not there when none is.

    Raises:
        UserError: there are too many, a file cannot be read, or gold is named by titles that the run replaces.
    """
    bad = BadRecords(config.on_bad_record)
    queries = [query for query in read_queries(config, bad) if not config.sample or query.split == "test"]
    if not queries:
        return
    _refuse_titles_that_are_made(config.titles, queries)
    lowercase = config.titles.lowercase
    documents = read_documents(config.model_copy(update={"sample": None}), bad)
    missing = missing_gold(documents, queries, lowercase)
    if listing is not None:
        _list(missing, listing)
    lacking = [(query, gold) for query, gold in missing if len(gold) == len(query.gold)]
    if len(lacking) > config.max_missing_gold * len(queries):
        named = ", ".join(f"{query.id} ({_names(gold) or 'names none'})" for query, gold in lacking[:SHOWN])
        rest = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        what = f"{len(lacking)} of {len(queries)} queries have no gold passage in the corpus: {named}{rest}"
        raise UserError(what, file=listing, cure="correct the queries' gold, or raise corpus.max_missing_gold")


def _refuse_titles_that_are_made(titles: TitlesConfig, queries: list[Query]) -> None:
    """Gold that is named by title alone is found by the title that a document has in the run."""
    made = "constant" if titles.constant is not None else "replace" if titles.replace else None
    named = next((query for query in queries for gold in query.gold if gold.document is None), None)
    if made and named:
        what = f"query {named.id} names its gold by title, but corpus.titles.{made} gives documents other titles"
        raise UserError(what, cure="name gold documents by id")


def missing_gold(
    documents: Iterable[Document], queries: list[Query], lowercase: bool
) -> list[tuple[Query, list[Gold]]]:
    """Return the queries whose gold is missing, some or all of it, each with what is; those that name none, too."""
    wanted = {gold_key(gold, lowercase) for query in queries for gold in query.gold}
    there = set()
    for document in documents:
        there |= document_keys(document, lowercase) & wanted
    found = [(query, [gold for gold in query.gold if gold_key(gold, lowercase) not in there]) for query in queries]
    return [(query, gold) for query, gold in found if gold or not query.gold]


def _names(missing: list[Gold]) -> str:
    return ", ".join(dict.fromkeys(gold.document or gold.title or "" for gold in missing))


def _list(missing: list[tuple[Query, list[Gold]]], listing: Path) -> None:
    if missing:
        write_text(listing, "".join(f"{query.id}\t{_names(gold)}\n" for query, gold in missing))
    else:
        listing.unlink(missing_ok=True)
