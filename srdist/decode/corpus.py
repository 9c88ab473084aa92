"""Passages by their number in the whole corpus, and the lengths that a sequence may have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srdist.storage.corpus import corpus_dir, live_titles
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES, TITLES, TOKENS, sequence_lengths


@dataclass(frozen=True)
class Passage:
    """A passage as the corpus has it."""

    id: str
    document: str
    title: str
    text: str


class PassageTable:
    """The passages of a run, mapped into memory; those of dead titles too, which no search finds."""

    def __init__(self, run_dir: Path):
        folder = corpus_dir(run_dir)
        self._passages, self._titles = open_partitions(folder / PASSAGES), open_partitions(folder / TITLES)
        self._first = np.cumsum([0, *(table.num_rows for table in self._passages)])

    def __getitem__(self, number: int) -> Passage:
        """Return a passage by its number: its row plus the rows of all earlier partitions."""
        partition = int(np.searchsorted(self._first, number, side="right")) - 1
        table, row = self._passages[partition], int(number - self._first[partition])
        title = self._titles[partition]["title"][table["title"][row].as_py()].as_py()
        return Passage(table["id"][row].as_py(), table["document"][row].as_py(), title, table["text"][row].as_py())


def longest_sequence(run_dir: Path) -> int:
    """Return the most tokens that a passage has with its title, dead ones left out."""
    folder, longest = corpus_dir(run_dir), 0
    tables = zip(open_partitions(folder / TITLES), open_partitions(folder / TOKENS), strict=True)
    for (titles, tokens), alive in zip(tables, live_titles(folder), strict=True):
        owned = np.repeat(alive, titles["passages"].to_numpy())
        longest = max(longest, int(sequence_lengths(titles, tokens)[owned].max(initial=0)))
    return longest
