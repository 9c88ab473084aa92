"""Packed numbers come back, and bit vectors are counted and searched as a list of truth values would be."""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.trie import packed as module
from srdist.trie.compress import compress
from srdist.trie.forest import Sequences
from srdist.trie.packed import Packed, bit, chain_of, edges_of, ones, pack, pack_bits, rank, select, tree_size, unpack


@settings(max_examples=100)
@given(st.integers(0, 32), st.integers(0, 700), st.integers(0, 99))
def test_numbers_come_back(width: int, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << width, size)
    assert unpack(pack(values), 0, size).tolist() == values.tolist()


def test_each_block_has_the_width_that_it_needs() -> None:
    values = np.ones(256 * 100, np.uint16)
    values[0] = 60_000
    assert sum(part.nbytes for part in pack(values)) == 256 * 16 // 8 + 99 * 256 // 8 + 100 * 8 + 2 * 8
    assert sum(part.nbytes for part in pack(np.zeros(256, int))) == 3 * 8


@settings(max_examples=100)
@given(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 99))
def test_ones_are_counted_and_found(size: int, share: float, seed: int) -> None:
    bits = np.random.default_rng(seed).random(size) < share
    vector, places = pack_bits(bits), np.flatnonzero(bits)
    assert [bool(bit(vector, index)) for index in range(size)] == bits.tolist()
    assert [rank(vector, index) for index in range(size + 1)] == [0, *np.cumsum(bits).tolist()]
    assert [select(vector, number) for number in range(len(places))] == places.tolist()
    for begin, end in ((0, size), (size // 3, size // 2), (size // 2, size // 2), (size // 7, size)):
        assert ones(vector, begin, end).tolist() == [place for place in places if begin <= place < end]


def test_plain_loops_do_what_compiled_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 3, generator.integers(1, 6)) for _ in range(300)]
    bounds = np.cumsum([0, *map(len, texts)])
    groups = np.arange(0, 301, 30)
    tries = compress(Sequences(np.concatenate(texts).astype(np.uint16), bounds), groups, 0, 3, merge=True).pack()
    where = [(group, node) for group in range(10) for node in range(tree_size(tries, group))]
    groups, nodes = np.array(where).T

    def everything() -> list[list]:
        edges = [array.tolist() for array in edges_of(tries, groups, nodes, groups << 32, groups * 30)]
        return [*edges, [tuple(map(int, chain_of(tries, group, node))) for group, node in where]]

    compiled = everything()
    for name, function in vars(module).items():
        if hasattr(function, "py_func"):
            monkeypatch.setattr(module, name, function.py_func)
    monkeypatch.setitem(globals(), "edges_of", module.edges_of)
    monkeypatch.setitem(globals(), "chain_of", module.chain_of)
    assert isinstance(module.edges_of, FunctionType)
    assert everything() == compiled


def test_nothing_packs_to_hardly_anything() -> None:
    assert isinstance(pack(np.empty(0, np.int32)), Packed)
    assert unpack(pack(np.empty(0, np.int32)), 0, 0).tolist() == []
