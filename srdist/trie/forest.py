"""Token sequences, and the tries over them as plain arrays, before they are packed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from srdist.trie.packed import Tries, pack, pack_bits


@dataclass(frozen=True)
class Sequences:
    """Token sequences, one after the other.

    Attributes:
        values: unsigned [T], the tokens of all sequences.
        bounds: integer [n + 1], where each sequence begins and the last one ends.
    """

    values: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Sequences:
        """Take the lists of an Arrow column; without a copy where it is one record batch."""
        if column.num_chunks == 1:
            chunk = column.chunk(0)
            return cls(chunk.values.to_numpy(), chunk.offsets.to_numpy())
        none = np.empty(0, column.type.value_type.to_pandas_dtype())
        values = np.concatenate([none, *(chunk.flatten().to_numpy() for chunk in column.chunks)])
        values.flags.writeable = False  # as those of one batch are
        lengths = [chunk.value_lengths().to_numpy() for chunk in column.chunks]
        return cls(values, np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths])))


@dataclass(frozen=True)
class Forest:
    """Compressed tries, those of group 0, group 1 and so on; the nodes of each breadth first.

    Edges stand in the order of (node, token); where a token ends one sequence and stands inside of another, the
    end comes first, and the ends of equal sequences stand in their order. An edge to an inner node leads to the next
    node that no edge of the trie led to before.

    Attributes:
        nodes: int64 [G], number of nodes of each group's trie.
        depth: int32 [N], number of tokens before the node.
        token: [E], first token of each edge.
        inner: bool [E], whether it leads to an inner node.
        last: bool [E], whether it is the last edge of its node.
        leaf: int32 [L], of each edge to a leaf, the number in its group of the sequence.
        back: int32 [n], how many sequences before each one the first equal one of its group stands; 0: it is that.
        largest: largest token that was looked at.
    """

    nodes: np.ndarray
    depth: np.ndarray
    token: np.ndarray
    inner: np.ndarray
    last: np.ndarray
    leaf: np.ndarray
    back: np.ndarray
    largest: int

    def counts(self) -> dict[str, int]:
        """Return the number of nodes and of edges."""
        return {"nodes": len(self.depth), "edges": len(self.token)}

    def pack(self) -> Tries:
        """Return the tries in a few bits per edge; without `back`."""
        trees = np.zeros(len(self.nodes) + len(self.depth) + 1, bool)
        trees[np.arange(len(self.nodes) + 1) + np.cumsum(np.append(0, self.nodes))] = True
        numbers = (pack(values) for values in (self.token, self.leaf, self.depth))
        return Tries(*numbers, *(pack_bits(bits) for bits in (self.inner, self.last, trees)))
