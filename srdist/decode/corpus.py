"""Passages by their number in the whole corpus, and the lengths that a sequence may have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
    """The passages of a run, mapped into memory."""

    def __init__(self, run_dir: Path):
        self._passages, self._titles = open_partitions(run_dir / PASSAGES), open_partitions(run_dir / TITLES)
        self._first = np.cumsum([0, *(table.num_rows for table in self._passages)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, number: int) -> Passage:
        """Return a passage by its number: its row plus the rows of all earlier partitions."""
        partition = int(np.searchsorted(self._first, number, side="right")) - 1
        table, row = self._passages[partition], int(number - self._first[partition])
        title = self._titles[partition]["title"][table["title"][row].as_py()].as_py()
        return Passage(table["id"][row].as_py(), table["document"][row].as_py(), title, table["text"][row].as_py())


def longest_sequence(run_dir: Path) -> int:
    """Return the tokens of the longest title plus those of the longest passage."""
    return sum(_longest(open_partitions(run_dir / folder)) for folder in (TITLES, TOKENS))


def _longest(tables: list[pa.Table]) -> int:
    return max((pc.max(pc.list_value_length(table["tokens"])).as_py() or 0 for table in tables), default=0)
