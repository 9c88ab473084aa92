"""A part of a corpus that keeps the gold documents and grows without exchanging any."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from srdist.config.schema import SampleConfig
from srdist.corpus.records import Document, Query
from srdist.corpus.titles import Key, document_keys, gold_key
from srdist.errors import UserError

Rank = tuple[int, int]
"""Order in which documents enter a sample: gold of test queries, gold of others, all others; then by draw."""


@dataclass(frozen=True)
class Sample:
    """Which documents are kept.

    Attributes:
        seed: key of the draw.
        gold: for the test queries, then for the others: the keys of gold documents.
        lowercase: titles are compared in lower case.
        last: rank of the last document that is kept.
    """

    seed: int
    gold: tuple[frozenset[Key], frozenset[Key]]
    lowercase: bool
    last: Rank = (3, 0)

    def rank(self, document: Document) -> Rank:
        """Return the document's place in the order of entry: its kind, and a keyed hash of its id (128 bits)."""
        keys = document_keys(document, self.lowercase)
        kind = next((kind for kind, gold in enumerate(self.gold) if keys & gold), 2)
        key = f"{self.seed}:{document.id}".encode()
        return kind, int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "big")

    def keeps(self, document: Document) -> bool:
        """Tell whether the document is in the sample."""
        return self.rank(document) <= self.last


def choose_sample(
    documents: Iterable[Document], queries: Iterable[Query], config: SampleConfig, lowercase: bool
) -> Sample:
    """Choose `config.documents` documents: gold of test queries, then other gold, then others by draw.

    Reads `documents` once and keeps one rank for each chosen one. With the same seed and queries a larger
    sample contains every smaller one.

    Raises:
        UserError: the corpus has fewer documents than the sample, or the test queries more gold documents.
    """
    gold: tuple[set[Key], set[Key]] = (set(), set())
    for query in queries:
        gold[query.split != "test"].update(gold_key(item, lowercase) for item in query.gold)
    everything = Sample(config.seed, (frozenset(gold[0]), frozenset(gold[1])), lowercase)
    chosen: list[Rank] = []  # a heap of negated ranks: the last one to enter stands first
    total = test_gold = 0
    for document in documents:
        total += 1
        kind, draw = everything.rank(document)
        test_gold += kind == 0
        if len(chosen) < config.documents:
            heapq.heappush(chosen, (-kind, -draw))
        else:
            heapq.heappushpop(chosen, (-kind, -draw))
    _check(config.documents, total, test_gold)
    return Sample(config.seed, everything.gold, lowercase, last=(-chosen[0][0], -chosen[0][1]))


def _check(wanted: int, total: int, gold: int) -> None:
    if wanted > total:
        cure = f"set corpus.sample.documents to {total} or less"
        raise UserError(f"the sample should have {wanted} documents, the corpus has {total}", cure=cure)
    if wanted < gold:
        cure = f"set corpus.sample.documents to {gold} or more, or take fewer test queries"
        raise UserError(f"the sample should have {wanted} documents, the test queries have {gold} gold ones", cure=cure)
