"""The passages of all partitions with their titles and tokens, mapped into memory, one at a time or in runs."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES, TITLES, TOKENS

Place = tuple[int, int]
"""partition and row of a passage"""


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array: as it is mapped, where it is one (`combine_chunks` copies even then)."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class Lists:
    """A column of lists of integers, read row by row without touching the others."""

    def __init__(self, column: pa.ChunkedArray):
        array = whole(column)
        self.values, self.offsets = array.values.to_numpy(), array.offsets.to_numpy()

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]


class Partition:
    """One partition of `titles`, `passages` and `tokens`; columns are Arrow arrays or `Lists`, by row."""

    def __init__(self, titles: pa.Table, passages: pa.Table, tokens: pa.Table):
        self.titles, self.passages = titles, passages
        self.title_row = whole(passages["title"]).to_numpy()
        self.first_passage, self.owned = (titles[name].to_numpy() for name in ("first_passage", "passages"))
        self.texts, self.documents = (whole(passages[name]) for name in ("text", "document"))
        self.tokens, self.title_tokens = Lists(tokens["tokens"]), Lists(titles["tokens"])
        self.sentences = Lists(passages["sentences"])

    @cached_property
    def place_in_document(self) -> np.ndarray:
        """Number of each passage in its document, from 0; the passages of a document stand side by side."""
        document = self.documents.dictionary_encode().indices.to_numpy()
        rows = np.arange(len(document))
        begins = np.append(True, document[1:] != document[:-1])[: len(document)]
        return rows - np.maximum.accumulate(np.where(begins, rows, 0))

    def title(self, row: int) -> str:
        """Return a passage's title."""
        return self.titles["title"][int(self.title_row[row])].as_py()

    def segments(self, row: int, limit: int | None) -> tuple[list[int], list[int]]:
        """Return a passage's title tokens and its tokens, no more than one beyond `limit` of these."""
        tokens = self.tokens[row] if limit is None else self.tokens[row][: limit + 1]
        return self.title_tokens[self.title_row[row]].tolist(), tokens.tolist()


class PassageTables:
    """All partitions of a run."""

    def __init__(self, run_dir: Path):
        tables = (open_partitions(run_dir / name) for name in (TITLES, PASSAGES, TOKENS))
        self.partitions = [Partition(*parts) for parts in zip(*tables, strict=True)]
        self.starts = np.cumsum([0, *(partition.passages.num_rows for partition in self.partitions)])

    def text(self, place: Place) -> str:
        """Return a passage's text."""
        return self.partitions[place[0]].texts[place[1]].as_py()

    def title(self, place: Place) -> str:
        """Return a passage's title."""
        return self.partitions[place[0]].title(place[1])

    def document(self, place: Place) -> str:
        """Return the id of a passage's document."""
        return self.partitions[place[0]].documents[place[1]].as_py()

    def segments(self, place: Place, limit: int | None = None) -> tuple[list[int], list[int]]:
        """Return a passage's title tokens and its tokens, no more than one beyond `limit` of these."""
        return self.partitions[place[0]].segments(place[1], limit)

    def neighbours(self, place: Place) -> list[Place]:
        """Return the other passages of the same document."""
        index, row = place
        partition = self.partitions[index]
        title, document = partition.title_row[row], self.document(place)
        first = int(partition.first_passage[title])
        rows = range(first, first + int(partition.owned[title]))
        return [(index, other) for other in rows if other != row and self.document((index, other)) == document]

    def locate(self, number: int) -> Place:
        """Return the place of a passage's number in the corpus."""
        index = int(np.searchsorted(self.starts, number, side="right")) - 1
        return index, number - int(self.starts[index])
