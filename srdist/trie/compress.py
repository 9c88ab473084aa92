"""Compress token sequences into tries: one per group of sequences, without the chains of single children.

The sequences go down their tries together, one level after the other. On each level those that stand at the
same place are sorted by their next token. A place with several continuations becomes a node; a place with one
continuation is passed by; a sequence that is alone has found its leaf and is not read any further.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from srdist.trie.arrays import offsets

_SYMBOL_BITS = 33  # a 32-bit token plus one, 0 for the end
_SYMBOL = (1 << _SYMBOL_BITS) - 1


@dataclass(frozen=True)
class Sequences:
    """Token sequences in one flat array.

    Attributes:
        values: unsigned [T], the tokens of all sequences.
        starts: int64 [n], position of each sequence's first token.
        lengths: int64 [n], in tokens.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Sequences:
        """Take the lists of an Arrow column; without a copy where it is one record batch."""
        parts = [chunk.flatten().to_numpy() for chunk in column.chunks]
        none = np.empty(0, column.type.value_type.to_pandas_dtype())
        values = parts[0] if len(parts) == 1 else np.concatenate([none, *parts])
        lengths = np.concatenate(
            [np.empty(0, np.int64), *(chunk.value_lengths().to_numpy() for chunk in column.chunks)]
        )
        lengths = lengths.astype(np.int64)
        return cls(values, offsets(lengths)[:-1], lengths)


@dataclass(frozen=True)
class Forest:
    """Compressed tries in flat arrays: those of group 0, group 1 and so on; in each the root comes first.

    Attributes:
        group: int64 [N], ascending.
        depth: int64 [N], number of tokens before the node.
        skip: int64 [N], how many of them stand between the first token of the edge to the node and the node.
        first: int64 [N + 1], position of each node's first edge.
        token: int64 [E], first token of the edge.
        target: int64 [E], >= 0: node; < 0: leaf, `~target` is the number of the sequence.
        duplicate: int64 [U], ascending, sequences equal to an earlier one of their group.
        original: int64 [U], the first sequence that each of them equals.
    """

    group: np.ndarray
    depth: np.ndarray
    skip: np.ndarray
    first: np.ndarray
    token: np.ndarray
    target: np.ndarray
    duplicate: np.ndarray
    original: np.ndarray

    @property
    def source(self) -> np.ndarray:
        """int64 [E], the node that each edge leaves."""
        return np.repeat(np.arange(len(self.group)), np.diff(self.first))


def compress(sequences: Sequences, group: np.ndarray, end: int, *, merge: bool) -> Forest:
    """Build the trie of each group of sequences.

    A sequence that ends where others of its group go on has an end edge. The root of a trie is a node even if
    it has one edge only; every other node has at least two.

    Args:
        sequences: n sequences.
        group: int64 [n], ascending.
        end: token of end edges.
        merge: equal sequences of a group share one leaf, the first of them; else each has a leaf, at end edges.
    """
    grown = _Grown()
    groups, place = np.unique(group, return_inverse=True)
    level = _Level(np.arange(len(group)), place, groups, np.full(len(groups), -1), np.zeros(len(groups), np.int64))
    depth = 0
    while len(level.rows):
        level = _descend(sequences, level, depth, end, merge, grown)
        depth += 1
    return grown.forest()


@dataclass(frozen=True)
class _Level:
    """Sequences that are not alone yet, sorted by the place where they stand.

    rows, place: [A], sequence and its place. group, edge, reached: [P], of each place: the group, the edge on the
    way there (-1: none) and the depth after that edge's first token.
    """

    rows: np.ndarray
    place: np.ndarray
    group: np.ndarray
    edge: np.ndarray
    reached: np.ndarray


def _descend(sequences: Sequences, level: _Level, depth: int, end: int, merge: bool, grown: _Grown) -> _Level:
    """Take all sequences of a level one token further."""
    keys = level.place << _SYMBOL_BITS
    inside = np.flatnonzero(sequences.lengths[level.rows] > depth)
    keys[inside] += sequences.values[sequences.starts[level.rows[inside]] + depth].astype(np.int64) + 1
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], level.rows[order]

    ended = (keys & _SYMBOL) == 0
    opens = np.append(True, keys[1:] != keys[:-1])
    if not merge:
        opens |= ended
    begin = np.flatnonzero(opens)
    child = np.cumsum(opens) - 1
    parent, symbol, lead = keys[begin] >> _SYMBOL_BITS, keys[begin] & _SYMBOL, rows[begin]
    leaf = (symbol == 0) | (np.diff(begin, append=len(rows)) == 1)

    branching = (np.bincount(parent, minlength=len(level.group)) > 1) | (depth == 0)
    branch = branching[parent]
    node = np.cumsum(branching) - 1 + grown.nodes
    grown.add_nodes(level.group[branching], depth, depth - level.reached[branching])
    grown.resolve(level.edge[branching], node[branching])
    edge, reached = level.edge[parent], level.reached[parent]
    edge[branch], reached[branch] = grown.edges + np.arange(np.count_nonzero(branch)), depth + 1
    grown.add_edges(node[parent[branch]], np.where(symbol == 0, end, symbol - 1)[branch])
    grown.resolve(edge[leaf], ~lead[leaf])
    again = ended & ~opens
    grown.add_duplicates(rows[again], lead[child[again]])

    stay = ~leaf
    kept = stay[child]
    place = (np.cumsum(stay) - 1)[child[kept]]
    return _Level(rows[kept], place, level.group[parent[stay]], edge[stay], reached[stay])


def _none() -> list[np.ndarray]:
    return [np.empty(0, np.int64)]


@dataclass
class _Grown:
    """Nodes and edges in the order in which the levels bring them."""

    nodes: int = 0
    edges: int = 0
    group: list[np.ndarray] = field(default_factory=_none)
    depth: list[np.ndarray] = field(default_factory=_none)
    skip: list[np.ndarray] = field(default_factory=_none)
    source: list[np.ndarray] = field(default_factory=_none)
    token: list[np.ndarray] = field(default_factory=_none)
    resolved: list[np.ndarray] = field(default_factory=_none)
    target: list[np.ndarray] = field(default_factory=_none)
    duplicate: list[np.ndarray] = field(default_factory=_none)
    original: list[np.ndarray] = field(default_factory=_none)

    def add_nodes(self, group: np.ndarray, depth: int, skip: np.ndarray) -> None:
        self.group.append(group)
        self.depth.append(np.full(len(group), depth))
        self.skip.append(skip)
        self.nodes += len(group)

    def add_edges(self, source: np.ndarray, token: np.ndarray) -> None:
        self.source.append(source)
        self.token.append(token)
        self.edges += len(source)

    def resolve(self, edge: np.ndarray, target: np.ndarray) -> None:
        self.resolved.append(edge[edge >= 0])
        self.target.append(target[edge >= 0])

    def add_duplicates(self, duplicate: np.ndarray, original: np.ndarray) -> None:
        self.duplicate.append(duplicate)
        self.original.append(original)

    def forest(self) -> Forest:
        """Put the nodes in order of group, the edges in order of (node, token, target)."""
        group, token = np.concatenate(self.group), np.concatenate(self.token)
        order = np.argsort(group, kind="stable")
        rank = np.empty(self.nodes, np.int64)
        rank[order] = np.arange(self.nodes)
        source = rank[np.concatenate(self.source)]
        target = np.empty(self.edges, np.int64)
        target[np.concatenate(self.resolved)] = np.concatenate(self.target)
        inner = target >= 0
        target[inner] = rank[target[inner]]
        by = np.lexsort((target, token, source))
        duplicate, original = np.concatenate(self.duplicate), np.concatenate(self.original)
        ascending = np.argsort(duplicate)
        return Forest(
            group[order],
            np.concatenate(self.depth)[order],
            np.concatenate(self.skip)[order],
            offsets(np.bincount(source, minlength=self.nodes)),
            token[by],
            target[by],
            duplicate[ascending],
            original[ascending],
        )


def without_single_leaves(forest: Forest) -> Forest:
    """Drop the tries that have one leaf only: there is nothing to choose in them."""
    alone = np.diff(forest.first) == 1
    alone[alone] = forest.target[forest.first[:-1][alone]] < 0
    kept = ~alone
    rank = np.cumsum(kept) - 1
    edges = kept[forest.source]
    target = forest.target[edges]
    target[target >= 0] = rank[target[target >= 0]]
    return Forest(
        forest.group[kept],
        forest.depth[kept],
        forest.skip[kept],
        offsets(np.diff(forest.first)[kept]),
        forest.token[edges],
        target,
        forest.duplicate,
        forest.original,
    )
