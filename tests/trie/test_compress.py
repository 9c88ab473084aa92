"""What the compressed tries of a few sequences look like."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.trie import compress as module
from srdist.trie.compress import compress
from srdist.trie.forest import Forest, Sequences

END = 0


def grow(*groups: list[list[int]], merge: bool = True, token_type: str = "u2", vocabulary: int = 1000) -> Forest:
    kind = pa.list_(pa.from_numpy_dtype(np.dtype(token_type)))
    column = pa.chunked_array([pa.array(group, kind) for group in groups], kind)
    bounds = np.cumsum([0, *(len(sequences) for sequences in groups)])
    return compress(Sequences.of(column), bounds, END, vocabulary, merge=merge)


def edges(forest: Forest) -> list[list[tuple[int, int, int]]]:
    """Of each trie, its edges: node, token, and the node or `~number` of the sequence that they lead to."""
    found, edge, leaf = [], 0, 0
    for size in forest.nodes.tolist():
        found.append([])
        node, child = 0, 1
        while node < size:
            inner = forest.inner[edge]
            found[-1].append((node, int(forest.token[edge]), child if inner else ~int(forest.leaf[leaf])))
            node, child, leaf, edge = node + int(forest.last[edge]), child + int(inner), leaf + int(not inner), edge + 1
    assert (edge, leaf) == (len(forest.token), len(forest.leaf))
    return found


def test_a_chain_is_an_edge_to_a_deeper_node() -> None:
    forest = grow([[5, 6, 7, 1], [5, 6, 7, 2, 3], [8, 9]])
    assert edges(forest) == [[(0, 5, 1), (0, 8, ~2), (1, 1, ~0), (1, 2, ~1)]]
    assert forest.depth.tolist() == [0, 3]


def test_each_group_has_a_trie_and_numbers_its_own_sequences() -> None:
    forest = grow([[5, 1], [5, 2]], [[7, 7], [8]], [[5, 3], [5, 3, 4]])
    assert edges(forest) == [
        [(0, 5, 1), (1, 1, ~0), (1, 2, ~1)],
        [(0, 7, ~0), (0, 8, ~1)],
        [(0, 5, 1), (1, END, ~0), (1, 4, ~1)],
    ]


def test_nodes_are_numbered_breadth_first() -> None:
    forest = grow([[1, 1, 1], [1, 1, 2], [1, 2], [2, 1], [2, 2]])
    assert [edge[0::2] for edge in edges(forest)[0]] == [
        (0, 1),
        (0, 2),
        (1, 3),
        (1, ~2),
        (2, ~3),
        (2, ~4),
        (3, ~0),
        (3, ~1),
    ]
    assert forest.depth.tolist() == [0, 1, 1, 2]


def test_equal_sequences_share_a_leaf_or_have_one_each() -> None:
    sequences = [[5, 6], [7], [5, 6], [5, 6]]
    merged = grow(sequences)
    assert edges(merged) == [[(0, 5, ~0), (0, 7, ~1)]]
    assert merged.back.tolist() == [0, 0, 2, 3]
    apart = grow(sequences, merge=False)
    assert edges(apart) == [[(0, 5, 1), (0, 7, ~1), (1, END, ~0), (1, END, ~2), (1, END, ~3)]]
    assert not apart.back.any()


def test_one_leaf_alone_needs_no_trie_where_equal_sequences_share_it() -> None:
    groups = [[5]], [[6, 6], [6, 6]], [[7], [7, 8]]
    assert [len(trie) for trie in edges(grow(*groups))] == [0, 0, 3]
    assert grow(*groups).back.tolist() == [0, 0, 1, 0, 0]
    assert edges(grow([[5, 6]], merge=False)) == [[(0, 5, ~0)]]


def test_the_end_comes_before_the_same_token_inside() -> None:
    assert edges(grow([[5, END, 3], [5], [5, 1]])) == [[(0, 5, 1), (1, END, ~1), (1, END, ~0), (1, 1, ~2)]]


@pytest.mark.parametrize("token_type", ["u2", "u4"])
def test_no_sequences_make_no_nodes(token_type: str) -> None:
    forest = grow(token_type=token_type)
    assert (edges(forest), forest.counts()) == ([], {"nodes": 0, "edges": 0})
    assert edges(grow([], token_type=token_type)) == [[]]


def test_tokens_after_the_cut_are_not_looked_at() -> None:
    forest = grow([[5, 1, *[9] * 50, 999], [5, 2, *[9] * 50, 998]])
    assert (edges(forest), forest.largest) == ([[(0, 5, 1), (1, 1, ~0), (1, 2, ~1)]], 5)


def test_large_tokens_keep_their_order() -> None:
    big = 2**32 - 1
    forest = grow([[big, 1], [0], [big]], token_type="u4", vocabulary=2**32)
    assert edges(forest) == [[(0, 0, ~1), (0, big, 1), (1, END, ~2), (1, 1, ~0)]]
    assert forest.largest == big


def test_many_sequences_are_merged_from_sorted_runs() -> None:
    generator = np.random.default_rng(0)
    order = generator.permutation(5000)
    forest = grow([[int(number) // 70, int(number) % 70] for number in order])
    assert sorted(forest.leaf.tolist()) == list(range(5000))
    found = [[edge for edge in edges(forest)[0] if edge[0] == node] for node in range(forest.nodes[0])]
    by_token = [(token, ~target) for node in found[1:] for _, token, target in node]
    assert [order[number] for _, number in by_token] == list(range(5000))
    assert all(order[number] % 70 == token for token, number in by_token)


@settings(max_examples=100)
@given(st.lists(st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=8), min_size=1, max_size=4), st.booleans())
def test_compiled_and_plain_loops_do_the_same(groups: list[list[list[int]]], merge: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        compiled = grow(*groups, merge=merge)
        for name, function in list(vars(module).items()):
            if hasattr(function, "py_func"):
                patch.setattr(module, name, function.py_func)
        plain = grow(*groups, merge=merge)
    assert edges(compiled) == edges(plain)
    for name in ("depth", "back"):
        assert getattr(compiled, name).tolist() == getattr(plain, name).tolist()
