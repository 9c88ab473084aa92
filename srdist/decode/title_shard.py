"""The title level of the trie as one shard of the corpus sees it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from srdist.decode.walk import Level
from srdist.trie import Edges, Trie


@lru_cache(maxsize=2)
def level_of(trie: Trie, titles: range) -> Level:
    """Return the title level without the edges that lead to none of some titles.

    Takes one pass over the title level; a bit is kept for each of its nodes.
    """
    leads = _leading_nodes(trie, titles)

    def edges(nodes: np.ndarray) -> Edges:
        found = trie.title_edges(nodes)
        kept = _kept(found.target, leads, titles)
        return Edges(found.source[kept], found.token[kept], found.target[kept])

    return Level(edges, trie.title_chain, trie.title_end)


def _leading_nodes(trie: Trie, titles: range) -> np.ndarray:
    """Return for each inner node of the title level whether one of the titles is below it, bool."""
    levels, nodes = [], np.array([trie.title_root], dtype=np.int64)
    while len(nodes):
        edges = trie.title_edges(nodes)
        levels.append((nodes[edges.source], edges.target))
        nodes = edges.target[edges.target >= 0]
    leads = np.zeros(1 + max(int(source.max()) for source, _ in levels), dtype=bool)
    for source, target in reversed(levels):
        leads[source[_kept(target, leads, titles)]] = True
    return leads


def _kept(target: np.ndarray, leads: np.ndarray, titles: range) -> np.ndarray:
    """Tell of each edge whether it leads to one of the titles."""
    kept = (~target >= titles.start) & (~target < titles.stop)
    inner = target >= 0
    kept[inner] = leads[target[inner]]
    return kept
