"""The tries over the passages of each title: one file per partition, `trie/part-k-of-n.arrow`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partition, partition_path
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.trie.arrays import CURE, open_arrays, write_arrays
from srdist.trie.compress import compress
from srdist.trie.edges import Edges
from srdist.trie.forest import Sequences
from srdist.trie.packed import (
    TRIES,
    Bits,
    Packed,
    Tries,
    bit,
    chain_of,
    edges_of,
    ones,
    pack,
    pack_bits,
    rank,
    tree_size,
    unpack,
)
from srdist.trie.title_level import check_tokens

_ARRAYS = {**TRIES, "repeated": Bits, "back": Packed}
NODE_BITS = 32
"""A node's number is its title's number, and in the lower bits its own among the nodes of the title."""
_NODE = (1 << NODE_BITS) - 1


def build_passages(run_dir: Path, partition: int, partitions: int, about: dict[str, Any]) -> None:
    """Write the tries over the passages of one partition.

    Args:
        run_dir: folder of the run, with `titles/` and `tokens/`.
        partition: number of the partition, from 0.
        partitions: number of all partitions.
        about: what the file says about itself; its `passage_end` ends passages.

    Raises:
        UserError: the titles do not share out the passages, or the tokens are not of the vocabulary.
    """
    tokens_path = partition_path(run_dir / TOKENS, partition, partitions)
    titles = open_partition(partition_path(run_dir / TITLES, partition, partitions))
    sequences = Sequences.of(open_partition(tokens_path)["tokens"])
    starts, _ = passage_ranges(titles, len(sequences.bounds) - 1, tokens_path)
    groups = np.append(starts, len(sequences.bounds) - 1)
    forest = compress(sequences, groups, about["passage_end"], about["vocabulary"], merge=True)
    check_tokens(sequences.values.dtype, forest.largest, about, tokens_path)
    repeated = forest.back > 0
    arrays = {**forest.pack()._asdict(), "repeated": pack_bits(repeated), "back": pack(forest.back[repeated])}
    counts = {**forest.counts(), "titles": len(starts), "passages": len(repeated), "repeated": int(repeated.sum())}
    path = partition_path(run_dir / TRIE, partition, partitions)
    write_arrays(path, arrays, {**about, "partition": partition, "counts": counts})


def is_built(run_dir: Path, partition: int, partitions: int, about: dict[str, Any]) -> bool:
    """Tell whether the file of `build_passages` is there and whole, made with the same arguments."""
    path = partition_path(run_dir / TRIE, partition, partitions)
    try:
        made = open_arrays(path, _ARRAYS)[1]
    except UserError:
        return False
    return made == {**about, "partition": partition, "counts": made["counts"]}


def passage_ranges(titles: pa.Table, passages: int, tokens_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return first passage and number of passages of each title of a partition, int64.

    Raises:
        UserError: they are not one after the other, each title's at least one, `passages` in all.
    """
    starts = titles["first_passage"].to_numpy().astype(np.int64)
    counts = titles["passages"].to_numpy().astype(np.int64)
    cure = "run `srdist prepare --overwrite`"
    if counts.sum() != passages:
        raise UserError(f"{passages} rows, but its titles have {counts.sum()} passages", file=tokens_path, cure=cure)
    if (counts < 1).any() or (starts != np.cumsum(counts) - counts).any():
        raise UserError("a title has no passages, or not those after the last one's", file=tokens_path, cure=cure)
    return starts, counts


class PassageLevel:
    """The tries over the passages of one partition, mapped into memory.

    Args:
        path: file of the partition.
        starts: int64 [titles + 1], number of each title's first passage in the whole corpus, and after the last one.
        first_title: number of the partition's first title in the whole corpus.
    """

    def __init__(self, path: Path, starts: np.ndarray, first_title: int):
        self.starts, self.first_title, self.first_passage = starts, first_title, int(starts[0])
        arrays, self.about = open_arrays(path, _ARRAYS)
        self.repeated, self.back = arrays.pop("repeated"), arrays.pop("back")
        self.tries, self.counts = Tries(**arrays), self.about.pop("counts")
        if (self.counts["titles"], self.counts["passages"]) != (len(starts) - 1, starts[-1] - starts[0]):
            raise UserError("not a trie over the titles of this run", file=path, cure=CURE)

    def root(self, title: int) -> int:
        """Return the root of a title's trie, or `~passage` if all its passages are the same."""
        row = title - self.first_title
        return int(title) << NODE_BITS if tree_size(self.tries, row) else ~int(self.starts[row])

    def edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes, int64 [B], of any titles of this partition."""
        title = nodes >> NODE_BITS
        row = title - self.first_title
        return Edges(*edges_of(self.tries, row, nodes & _NODE, title << NODE_BITS, self.starts[row]))

    def chain(self, target: int) -> tuple[int, slice]:
        """Return a passage below an inner node, and which of its tokens lead from the edge's first one to the node."""
        row = (target >> NODE_BITS) - self.first_title
        passage, begin, end = chain_of(self.tries, row, target & _NODE)
        return int(self.starts[row] + passage), slice(begin, end)

    def same_text(self, passage: int) -> list[int]:
        """Return the passages of the same title and with the same tokens, itself included, ascending."""
        row = passage - self.first_passage
        original = row
        if bit(self.repeated, row):
            at = rank(self.repeated, row)
            original -= int(unpack(self.back, at, at + 1)[0])
        next_title = self.starts[np.searchsorted(self.starts, passage, side="right")] - self.first_passage
        begin, end = rank(self.repeated, original), rank(self.repeated, next_title)
        others = ones(self.repeated, original, next_title)
        others = others[others - unpack(self.back, begin, end) == original]
        return [self.first_passage + row for row in (original, *others.tolist())]
