"""Every path of the compressed trie is one of the dict of dicts, and the other way round."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.bench.reference.trie import Symbol
from srdist.storage import manifest
from srdist.trie import Edges, Trie
from tests.trie.corpora import PASSAGE_END, TITLE_END, VOCABULARY, Partitions, corpora, make_run, reference


@pytest.fixture(autouse=True)
def quick_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(manifest, "_version", lambda package: "any")


def opened(partitions: Partitions, token_type: str = "u2") -> Trie:
    with tempfile.TemporaryDirectory() as folder:
        return Trie.open(make_run(Path(folder), partitions, token_type))


def rows(edges: Edges) -> list[tuple[int, int, int]]:
    assert all(array.dtype == np.int64 for array in (edges.source, edges.token, edges.target))
    return list(zip(edges.source.tolist(), edges.token.tolist(), edges.target.tolist(), strict=True))


def walk(trie: Trie, level: str, starts: list[tuple[int, Any]]) -> Iterator[tuple[Any, tuple[int, ...], list]]:
    """Go down from (node, label) pairs, all nodes of a depth in one call; give label, tokens before, edges."""
    edges_of = trie.title_edges if level == "title" else trie.passage_edges
    chain_of = trie.title_chain if level == "title" else trie.passage_chain
    frontier = [(node, label, ()) for node, label in starts]
    while frontier:
        found = rows(edges_of(np.array([node for node, _, _ in frontier])))
        assert [edge[:2] for edge in found] == sorted(edge[:2] for edge in found)
        below = []
        for source, (_, label, path) in enumerate(frontier):
            leaving = []
            for token, target in (edge[1:] for edge in found if edge[0] == source):
                chain = tuple(chain_of(target).tolist())
                leaving.append((token, target, (*path, token, *chain)))
                if target >= 0:
                    below.append((target, label, leaving[-1][2]))
            assert len(leaving) > 1 or path == ()
            yield label, path, leaving
        frontier = below


def tokens_of(choices: dict[Symbol, list[int]], *, each: bool) -> list[int]:
    return sorted(
        token for (token, end), numbers in choices.items() for _ in range(len(numbers) if end and each else 1)
    )


@settings(max_examples=150)
@given(corpora(), st.sampled_from(["u2", "u4"]))
def test_titles_are_those_of_the_reference(partitions: Partitions, token_type: str) -> None:
    trie, oracle = opened(partitions, token_type), reference(partitions)
    leaves = []
    for _, before, leaving in walk(trie, "title", [(trie.title_root, None)]):
        assert [token for token, _, _ in leaving] == tokens_of(oracle.title_choices(before), each=True)
        leaves += [(path, ~target) for _, target, path in leaving if target < 0]
    assert sorted(leaves) == sorted((path, number) for path, numbers in oracle.title_paths() for number in numbers)
    for path, title in leaves:
        assert [*trie.title_tokens(title).tolist(), TITLE_END] == list(path)


@settings(max_examples=150)
@given(corpora(), st.sampled_from(["u2", "u4"]))
def test_passages_are_those_of_the_reference_up_to_the_cut(partitions: Partitions, token_type: str) -> None:
    trie, oracle = opened(partitions, token_type), reference(partitions)
    roots = [(trie.passage_root(title), title) for title in range(trie.n_titles)]
    leaves = {title: [((), ~root)] if root < 0 else [] for root, title in roots}
    inner = [(root, title) for root, title in roots if root >= 0]
    for title, before, leaving in walk(trie, "passage", inner):
        assert [token for token, _, _ in leaving] == tokens_of(oracle.passage_choices(title, before), each=False)
        assert not oracle.passage_is_unique(title, before)
        leaves[title] += [(path, ~target) for _, target, path in leaving if target < 0]
    for title, found in leaves.items():
        assert all(trie.same_text(leaf)[0] == leaf for _, leaf in found)
        assert sorted((path, trie.same_text(leaf)) for path, leaf in found) == oracle.passage_paths(title)


@settings(max_examples=100)
@given(corpora())
def test_numbers_tokens_and_equal_passages_are_those_of_the_corpus(partitions: Partitions) -> None:
    trie = opened(partitions)
    titles = [title for partition in partitions for title in partition]
    passages = [(number, passage) for number, (_, passages) in enumerate(titles) for passage in passages]
    assert (trie.n_titles, trie.n_passages) == (len(titles), len(passages))
    assert [trie.title_tokens(number).tolist() for number in range(len(titles))] == [tokens for tokens, _ in titles]
    for number, (title, passage) in enumerate(passages):
        assert number in trie.passages_of(title)
        assert trie.passage_tokens(number).tolist() == passage
        same = [other for other, row in enumerate(passages) if row == (title, passage)]
        assert trie.same_text(number) == same


def test_equal_tokens_at_the_end_and_inside_are_two_edges() -> None:
    titles = [([5], [[8]]), ([5, TITLE_END, 7], [[8]]), ([5, TITLE_END, 9], [[8]])]
    trie = opened([titles])
    (_, token, node), *more = rows(trie.title_edges(np.array([trie.title_root])))
    assert token == 5 and not more and trie.title_chain(node).tolist() == []
    (_, end, leaf), (_, inside, branch) = rows(trie.title_edges(np.array([node])))
    assert (end, ~leaf, inside) == (TITLE_END, 0, TITLE_END)
    assert [(token, ~target) for _, token, target in rows(trie.title_edges(np.array([branch])))] == [(7, 1), (9, 2)]
    assert trie.title_chain(leaf).tolist() == [] and trie.title_chain(~1).tolist() == [TITLE_END]


def test_one_title_is_one_edge_and_a_chain() -> None:
    trie = opened([[], [([5, 6, 7], [[8, 9], [8, 9]])], []])
    ((_, token, target),) = rows(trie.title_edges(np.array([trie.title_root])))
    assert (token, target, trie.title_chain(target).tolist()) == (5, ~0, [6, 7, TITLE_END])
    assert trie.passage_root(0) == ~0 and trie.same_text(0) == trie.same_text(1) == [0, 1]


def test_a_passage_that_begins_another_ends_at_an_edge_after_the_chain() -> None:
    trie = opened([[([5], [[8, 9, 9, 9, 3], [8, 9, 9, 9]])]])
    ((_, token, node),) = rows(trie.passage_edges(np.array([trie.passage_root(0)])))
    assert (token, trie.passage_chain(node).tolist()) == (8, [9, 9, 9])
    assert [edge[1:] for edge in rows(trie.passage_edges(np.array([node])))] == [(PASSAGE_END, ~1), (3, ~0)]


def test_a_title_of_many_passages_and_a_long_chain_take_wider_arrays() -> None:
    passages = [[2] * 70_000 + [10 + number // 900, 10 + number % 900] for number in (1, 2, 3)]
    passages += [[3, 10 + number // 900, 10 + number % 900] for number in range(40_000)]
    trie = opened([[([5], passages)]])
    (_, two, long), (_, three, wide) = rows(trie.passage_edges(np.array([trie.passage_root(0)])))
    assert (two, three) == (2, 3)
    assert trie.passage_chain(long).tolist() == [2] * 69_999 + [10]
    inner = trie.passage_edges(np.array([wide]))
    leaves = trie.passage_edges(inner.target).target
    assert sorted(~leaves) == list(range(3, 40_003))


def test_nodes_of_several_partitions_are_asked_for_in_ascending_order() -> None:
    trie = opened([[([5], [[8], [9]])], [([6], [[8], [7]]), ([7], [[2], [3]])]])
    nodes = [trie.passage_root(title) for title in (0, 0, 1, 2, 2)]
    expected = [(8, ~0), (9, ~1), (8, ~0), (9, ~1), (7, ~3), (8, ~2), (2, ~4), (3, ~5), (2, ~4), (3, ~5)]
    found = rows(trie.passage_edges(np.array(nodes)))
    assert [source for source, _, _ in found] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [(token, target) for _, token, target in found] == expected
    with pytest.raises(ValueError, match="ascending"):
        trie.passage_edges(np.array(nodes[::-1]))


def test_no_nodes_have_no_edges_and_unknown_numbers_are_refused() -> None:
    trie = opened([[([5], [[8], [9]])]])
    none = np.empty(0, np.int64)
    assert rows(trie.title_edges(none)) == rows(trie.passage_edges(none)) == []
    for call in (trie.title_tokens, trie.passage_root, trie.passage_tokens, trie.same_text):
        for number in (-1, 2):
            with pytest.raises(IndexError):
                call(number)


def test_the_ends_and_the_vocabulary_are_remembered() -> None:
    trie = opened([[([5], [[8]])]])
    assert (trie.title_end, trie.passage_end, trie.vocabulary) == (TITLE_END, PASSAGE_END, VOCABULARY)
