"""Passages that do not answer a query: of the gold document, of the whole corpus, or such that BM25 ranks high."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from srdist.baselines.bm25 import rank_with_bm25
from srdist.config.mixture import PhaseConfig
from srdist.config.schema import Config
from srdist.corpus.answers import contains_answer
from srdist.prepare.gold import ResolvedQuery
from srdist.prepare.passage_tables import PassageTables, Place
from srdist.storage.partitions import open_partition, write_partition

ATTEMPTS = 20
"""random passages tried for a negative before it is given up"""
RANKED = 50
"""passages that BM25 gives each query to draw from"""


class Negatives:
    """Chooses negatives, anew in every epoch: a function of (seed, phase, epoch, query id, gold passage).

    Args:
        ranked: query id -> numbers of the passages that BM25 ranks first; empty: all come from the whole corpus.
    """

    def __init__(self, config: Config, tables: PassageTables, ranked: dict[str, list[int]]):
        self.seed, self.near_share = config.seed, config.mixture.same_document_negatives
        self.tables, self.ranked = tables, ranked

    def choose(self, resolved: ResolvedQuery, gold: Place, phase: PhaseConfig, epoch: int) -> list[Place]:
        """Return up to `phase.negatives` passages that are not gold and contain no answer."""
        wanted = phase.negatives
        if wanted == 0:
            return []
        key = ("negative", str(self.seed), phase.name, str(epoch), resolved.query.id, *map(str, gold))
        generator = random.Random("\0".join(key))
        golden = {self.tables.text((passage.partition, passage.row)) for passage in resolved.passages}

        def is_negative(place: Place) -> bool:
            text = self.tables.text(place)
            return text not in golden and not contains_answer(text, resolved.query.answers)

        near = self.tables.neighbours(gold)
        generator.shuffle(near)
        share = int(wanted * self.near_share + generator.random())
        chosen = list(itertools.islice(filter(is_negative, near), share))
        judged = {passage.document for passage in resolved.judged}
        for place in self._far(resolved.query.id, ATTEMPTS * wanted, generator):
            if len(chosen) >= wanted:
                break
            if place not in chosen and self.tables.document(place) not in judged and is_negative(place):
                chosen.append(place)
        return chosen

    def _far(self, query: str, attempts: int, generator: random.Random) -> Iterator[Place]:
        """Give what BM25 ranks first, shuffled, and then random passages."""
        ranked = list(self.ranked.get(query, []))
        generator.shuffle(ranked)
        yield from map(self.tables.locate, ranked)
        for _ in range(attempts):
            yield self.tables.locate(generator.randrange(int(self.tables.starts[-1])))


def mine_negatives(run_dir: Path, path: Path, config: Config, queries: list[ResolvedQuery]) -> int:
    """Write the passages that BM25 ranks first for each query to `path`, unless it is there; return the queries.

    The index over the whole corpus is held in memory.
    """
    if not path.exists():
        texts = _texts(PassageTables(run_dir))
        numbers = [f"{number:012d}" for number in range(len(texts))]
        asked = [resolved.query.text for resolved in queries]
        ranking = rank_with_bm25(numbers, texts, asked, language=config.corpus.language, top_k=RANKED)
        columns = {
            "query": pa.array([resolved.query.id for resolved in queries], pa.string()),
            "passages": pa.array([[int(number) for number, _ in best] for best in ranking], pa.list_(pa.int64())),
        }
        table = pa.table(columns)
        write_partition(path, [table], table.schema)
    return len(queries)


def _texts(tables: PassageTables) -> list[str]:
    """Return all passages with the title in front, by their numbers."""
    texts: list[str] = []
    for partition in tables.partitions:
        titles = partition.titles["title"].take(partition.passages["title"])
        pairs = zip(titles.to_pylist(), partition.texts.to_pylist(), strict=True)
        texts += [f"{title} {text}" for title, text in pairs]
    return texts


def read_ranked(path: Path, queries: list[str]) -> dict[str, list[int]]:
    """Return what `mine_negatives` wrote for some queries: their id -> numbers of passages."""
    table = open_partition(path)
    table = table.filter(pc.is_in(table["query"], value_set=pa.array(queries, pa.string())))
    return dict(zip(table["query"].to_pylist(), table["passages"].to_pylist(), strict=True))
