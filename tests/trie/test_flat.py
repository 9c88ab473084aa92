"""The flat title level has the edges of the packed one, and goes to a device without a copy in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdist.trie import Trie
from srdist.trie.flat import FlatTitles
from tests.trie.corpora import make_run

TITLES = [[5, 6, 7], [5, 6], [5, 8], [9], [9, 0, 3], [9, 0, 4], [5, 6]]


@pytest.fixture
def trie(tmp_path: Path) -> Trie:
    return Trie.open(make_run(tmp_path, [[(title, [[2]]) for title in TITLES[:3]], [(t, [[2]]) for t in TITLES[3:]]]))


def test_each_node_has_its_edges(trie: Trie) -> None:
    flat = FlatTitles.of(trie)
    nodes = len(flat.first) - 1
    assert nodes == trie.counts()["nodes"] and len(flat.token) == flat.first[-1] == trie.counts()["edges"]
    edges = trie.title_edges(np.arange(nodes))
    assert (flat.token == edges.token).all() and (flat.target == edges.target).all()
    assert (np.repeat(np.arange(nodes), np.diff(flat.first)) == edges.source).all()


def test_tensors_share_the_memory_of_the_arrays(trie: Trie) -> None:
    flat = FlatTitles.of(trie)
    first, token, target = flat.tensors()
    for array, tensor in ((flat.first, first), (flat.token, token), (flat.target, target)):
        assert tensor.data_ptr() == array.ctypes.data and tensor.tolist() == array.tolist()
