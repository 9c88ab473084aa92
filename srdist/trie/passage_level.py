"""The tries over the passages of each title: one file per partition, `trie/part-k-of-n.arrow`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partition, partition_path
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.trie.arrays import CURE, narrow, offsets, open_arrays, write_arrays
from srdist.trie.compress import Forest, Sequences, compress, without_single_leaves
from srdist.trie.edges import Edges, edge_positions
from srdist.trie.title_level import check_tokens

NAMES = ("nodes", "edges", "token", "target", "depth", "skip", "duplicate", "original")
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
    starts, counts = passage_ranges(titles, len(sequences.lengths), tokens_path)
    forest = compress(sequences, np.repeat(np.arange(len(counts)), counts), about["passage_end"], merge=True)
    check_tokens(forest.token.astype(sequences.values.dtype), about, tokens_path)
    forest = without_single_leaves(forest)
    nodes = np.searchsorted(forest.group, np.arange(len(counts) + 1))
    arrays = {
        "nodes": narrow(np.diff(nodes)),
        "edges": narrow(np.diff(forest.first)),
        "token": forest.token.astype(sequences.values.dtype),
        "target": narrow(_within_title(forest, nodes, starts), "i2 i4 i8"),
        "depth": narrow(forest.depth),
        "skip": narrow(forest.skip),
        "duplicate": narrow(forest.duplicate, "u4 i8"),
        "original": narrow(forest.original, "u4 i8"),
    }
    write_arrays(partition_path(run_dir / TRIE, partition, partitions), arrays, {**about, "partition": partition})


def is_built(run_dir: Path, partition: int, partitions: int, about: dict[str, Any]) -> bool:
    """Tell whether the file of `build_passages` is there, made with the same arguments."""
    path = partition_path(run_dir / TRIE, partition, partitions)
    return path.exists() and open_arrays(path, NAMES)[1] == {**about, "partition": partition}


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


def _within_title(forest: Forest, nodes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Count the targets of edges from the first node and the first passage of their title."""
    title = forest.group[forest.source]
    return np.where(forest.target >= 0, forest.target - nodes[title], ~(~forest.target - starts[title]))


class PassageLevel:
    """The tries over the passages of one partition, mapped into memory.

    Args:
        path: file of the partition.
        starts: int64 [titles + 1], number of each title's first passage in the whole corpus, and after the last one.
        first_title: number of the partition's first title in the whole corpus.
        first_passage: number of its first passage.
    """

    def __init__(self, path: Path, starts: np.ndarray, first_title: int, first_passage: int):
        self.starts, self.first_title, self.first_passage = starts, first_title, first_passage
        arrays, self.about = open_arrays(path, NAMES)
        self.nodes, self.first = offsets(arrays["nodes"]), offsets(arrays["edges"])
        self.token, self.target = arrays["token"], arrays["target"]
        self.depth, self.skip = arrays["depth"], arrays["skip"]
        self.duplicate, self.original = arrays["duplicate"], arrays["original"]
        if len(self.nodes) != len(starts) or len(self.first) != self.nodes[-1] + 1 or self.first[-1] != len(self.token):
            raise UserError("not a trie over the titles of this run", file=path, cure=CURE)

    def root(self, title: int) -> int:
        """Return the root of a title's trie, or `~passage` if all its passages are the same."""
        row = title - self.first_title
        alone = self.nodes[row] == self.nodes[row + 1]
        return ~int(self.starts[row]) if alone else int(title) << NODE_BITS

    def edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes, int64 [B], of any titles of this partition."""
        title = nodes >> NODE_BITS
        row = title - self.first_title
        source, at = edge_positions(self.first, self.nodes[row] + (nodes & _NODE))
        target = self.target[at].astype(np.int64)
        inner = (title << NODE_BITS)[source] + target
        leaf = ~(self.starts[row][source] + ~target)
        return Edges(source, self.token[at].astype(np.int64), np.where(target >= 0, inner, leaf))

    def chain(self, target: int) -> tuple[int, slice]:
        """Return a passage below an inner node, and which of its tokens lead from the edge's first one to the node."""
        row = (target >> NODE_BITS) - self.first_title
        first_node = int(self.nodes[row])
        node = target & _NODE
        depth, skip = int(self.depth[first_node + node]), int(self.skip[first_node + node])
        while node >= 0:
            node = int(self.target[self.first[first_node + node]])
        return int(self.starts[row]) + ~node, slice(depth - skip, depth)

    def same_text(self, passage: int) -> list[int]:
        """Return the passages of the same title and with the same tokens, itself included, ascending."""
        row = passage - self.first_passage
        at = np.searchsorted(self.duplicate, row)
        again = at < len(self.duplicate) and self.duplicate[at] == row
        original = int(self.original[at]) if again else row
        next_title = self.starts[np.searchsorted(self.starts, passage, side="right")] - self.first_passage
        begin, end = np.searchsorted(self.duplicate, [original, next_title])
        others = self.duplicate[begin:end][self.original[begin:end] == original]
        return [self.first_passage + row for row in (original, *others.tolist())]
