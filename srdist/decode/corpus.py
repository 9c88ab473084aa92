"""Passages by their number in the whole corpus, and the lengths that a sequence may have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from srdist.storage.corpus import corpus_dir, live_titles
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES, TITLES, TOKENS


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
    """Return the tokens of the longest title plus those of the longest passage, dead ones left out."""
    folder = corpus_dir(run_dir)
    tables = zip(open_partitions(folder / TITLES), open_partitions(folder / TOKENS), strict=True)
    title = passage = 0
    for (titles, tokens), alive in zip(tables, live_titles(folder), strict=True):
        if alive.any():
            title = max(title, int(pc.list_value_length(titles["tokens"]).to_numpy()[alive].max()))
            owned = np.repeat(alive, titles["passages"].to_numpy())
            passage = max(passage, int(pc.list_value_length(tokens["tokens"]).to_numpy()[owned].max()))
    return title + passage
