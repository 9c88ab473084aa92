"""A part of a corpus that keeps every gold document and grows without exchanging any."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from srdist.config.schema import SampleConfig
from srdist.corpus.records import Document, Query
from srdist.corpus.titles import normalise_title
from srdist.errors import UserError


@dataclass(frozen=True)
class Sample:
    """Which documents are kept.

    Attributes:
        seed: key of the draw.
        gold_ids: ids of gold documents.
        gold_titles: titles of gold documents, normalised.
        limit: of the others, those whose draw is below this number are kept.
    """

    seed: int
    gold_ids: frozenset[str]
    gold_titles: frozenset[str]
    limit: int = 0

    def is_gold(self, document: Document) -> bool:
        """Tell whether a query has the document as gold, by id or by title."""
        return document.id in self.gold_ids or normalise_title(document.title) in self.gold_titles

    def draw(self, document: Document) -> int:
        """Return the document's number in the draw: a keyed hash of its id, 128 bits."""
        key = f"{self.seed}:{document.id}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "big")

    def keeps(self, document: Document) -> bool:
        """Tell whether the document is in the sample."""
        return self.is_gold(document) or self.draw(document) < self.limit


def choose_sample(documents: Iterable[Document], queries: Iterable[Query], config: SampleConfig) -> Sample:
    """Choose `config.documents` documents: all gold ones, then those with the smallest draw.

    Reads `documents` once and keeps one number for each chosen one. With the same seed and queries a
    larger sample contains every smaller one.

    Raises:
        UserError: the corpus has fewer documents, or more gold documents, than the sample.
    """
    gold = [gold for query in queries for gold in query.gold]
    ids = frozenset(item.document for item in gold if item.document is not None)
    titles = frozenset(normalise_title(item.title) for item in gold if item.document is None and item.title)
    nothing = Sample(config.seed, ids, titles)
    smallest: list[int] = []
    total = kept_gold = 0
    for document in documents:
        total += 1
        if nothing.is_gold(document):
            kept_gold += 1
        elif len(smallest) < config.documents:
            heapq.heappush(smallest, -nothing.draw(document))
        else:
            heapq.heappushpop(smallest, -nothing.draw(document))
    _check(config.documents, total, kept_gold)
    others = config.documents - kept_gold
    limit = sorted(-number for number in smallest)[others - 1] + 1 if others else 0
    return Sample(config.seed, ids, titles, limit)


def _check(wanted: int, total: int, gold: int) -> None:
    if wanted > total:
        cure = f"set corpus.sample.documents to {total} or less"
        raise UserError(f"the sample should have {wanted} documents, the corpus has {total}", cure=cure)
    if wanted < gold:
        cure = f"set corpus.sample.documents to {gold} or more, or take fewer queries"
        raise UserError(f"the sample should have {wanted} documents, the queries have {gold} gold ones", cure=cure)
