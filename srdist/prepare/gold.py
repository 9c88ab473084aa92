"""Find the passages that answer each query.

A query names gold documents or paragraphs: their passages are judged relevant. Its gold passages are the judged
ones; where some of them contain one of its answers and others do not, only those that do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from srdist.corpus.answers import contains_answer
from srdist.corpus.records import Gold, Query
from srdist.corpus.titles import normalise_title
from srdist.storage.partitions import open_partition, partition_path
from srdist.storage.tables import PASSAGES, TITLES


@dataclass(frozen=True)
class GoldPassage:
    """A passage of a gold document: where it is, and whether it contains an answer."""

    partition: int
    row: int
    id: str
    document: str
    title: str
    has_answer: bool


@dataclass
class ResolvedQuery:
    """A query with its passages, in the order of the corpus.

    Attributes:
        judged: passages of its gold documents or paragraphs.
        passages: its gold passages: those of the judged ones that contain an answer, or all of them.
    """

    query: Query
    judged: list[GoldPassage] = field(default_factory=list)

    @property
    def passages(self) -> list[GoldPassage]:
        return [passage for passage in self.judged if passage.has_answer] or self.judged


def find_gold(
    run_dir: Path, index: int, count: int, queries: list[Query], lowercase: bool
) -> list[tuple[int, GoldPassage]]:
    """Return (number of the query, passage) for every gold passage in partition `index`."""
    by_document: dict[str, list[tuple[int, Gold]]] = defaultdict(list)
    by_title: dict[str, list[tuple[int, Gold]]] = defaultdict(list)
    for number, query in enumerate(queries):
        for gold in query.gold:
            if gold.document is not None:
                by_document[gold.document].append((number, gold))
            else:
                by_title[normalise_title(gold.title or "", lowercase)].append((number, gold))
    passages = open_partition(partition_path(run_dir / PASSAGES, index, count))
    titles = open_partition(partition_path(run_dir / TITLES, index, count))["title"].to_pylist()
    found: dict[tuple[int, int], GoldPassage] = {}
    columns = (passages[name].to_pylist() for name in ("document", "title", "paragraph"))
    for row, (document, title, paragraph) in enumerate(zip(*columns, strict=True)):
        for number, gold in by_document.get(document, []) + by_title.get(titles[title], []):
            if gold.paragraph is None or gold.paragraph == paragraph:
                has_answer = contains_answer(passages["text"][row].as_py(), queries[number].answers)
                identifier = passages["id"][row].as_py()
                found[number, row] = GoldPassage(index, row, identifier, document, titles[title], has_answer)
    return [(number, passage) for (number, _), passage in found.items()]


def resolve(queries: list[Query], found: Iterable[tuple[int, GoldPassage]]) -> list[ResolvedQuery]:
    """Give each query the passages that were found for it, as (number of the query, passage)."""
    resolved = [ResolvedQuery(query) for query in queries]
    for number, passage in sorted(found, key=lambda item: (item[0], item[1].partition, item[1].row)):
        resolved[number].judged.append(passage)
    return resolved
