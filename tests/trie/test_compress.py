"""What the compressed tries of a few sequences look like."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from srdist.trie.compress import Forest, Sequences, compress, without_single_leaves

END = 0


def grow(*groups: list[list[int]], merge: bool = True) -> Forest:
    column = pa.chunked_array([pa.array(group, pa.list_(pa.uint16())) for group in groups])
    group = np.repeat(np.arange(len(groups)), [len(sequences) for sequences in groups])
    return compress(Sequences.of(column), group, END, merge=merge)


def edges(forest: Forest) -> list[tuple[int, int, int]]:
    return list(zip(forest.source.tolist(), forest.token.tolist(), forest.target.tolist(), strict=True))


def test_a_chain_is_an_edge_and_a_skip() -> None:
    forest = grow([[5, 6, 7, 1], [5, 6, 7, 2, 3], [8, 9]])
    assert edges(forest) == [(0, 5, 1), (0, 8, ~2), (1, 1, ~0), (1, 2, ~1)]
    assert (forest.depth.tolist(), forest.skip.tolist()) == ([0, 3], [0, 2])


def test_nodes_stand_group_by_group_roots_first() -> None:
    forest = grow([[5, 1], [5, 2]], [[7, 7]], [[5, 3], [5, 3, 4]])
    assert forest.group.tolist() == [0, 0, 1, 2, 2]
    assert edges(forest) == [(0, 5, 1), (1, 1, ~0), (1, 2, ~1), (2, 7, ~2), (3, 5, 4), (4, END, ~3), (4, 4, ~4)]


def test_equal_sequences_share_a_leaf_or_have_one_each() -> None:
    sequences = [[5, 6], [7], [5, 6], [5, 6]]
    merged = grow(sequences)
    assert edges(merged) == [(0, 5, ~0), (0, 7, ~1)]
    assert (merged.duplicate.tolist(), merged.original.tolist()) == ([2, 3], [0, 0])
    apart = grow(sequences, merge=False)
    assert edges(apart) == [(0, 5, 1), (0, 7, ~1), (1, END, ~3), (1, END, ~2), (1, END, ~0)]
    assert len(apart.duplicate) == 0


def test_a_trie_with_one_leaf_can_be_dropped() -> None:
    forest = without_single_leaves(grow([[5]], [[6, 6], [6, 6]], [[7], [7, 8]], [[9, 9]]))
    assert forest.group.tolist() == [2, 2]
    assert edges(forest) == [(0, 7, 1), (1, END, ~3), (1, 8, ~4)]
    assert (forest.duplicate.tolist(), forest.original.tolist()) == ([2], [1])


def test_no_sequences_make_no_nodes() -> None:
    forest = without_single_leaves(
        compress(Sequences.of(pa.chunked_array([], pa.list_(pa.uint32()))), np.empty(0, int), 0, merge=True)
    )
    assert (len(forest.group), forest.first.tolist(), len(forest.token)) == (0, [0], 0)


def test_tokens_after_the_cut_are_not_looked_at() -> None:
    values = np.array([5, 6, 5, 7], np.uint16)
    lengths = np.array([1_000_000, 2_000_000])
    forest = compress(Sequences(values, np.array([0, 2]), lengths), np.zeros(2, np.int64), END, merge=True)
    assert edges(forest) == [(0, 5, 1), (1, 6, ~0), (1, 7, ~1)]


def test_32_bit_tokens_keep_their_order() -> None:
    big = 2**32 - 1
    column = pa.chunked_array([pa.array([[big, 1], [0], [big]], pa.list_(pa.uint32()))])
    forest = compress(Sequences.of(column), np.zeros(3, np.int64), big, merge=True)
    assert edges(forest) == [(0, 0, ~1), (0, big, 1), (1, 1, ~0), (1, big, ~2)]
