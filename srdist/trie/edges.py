"""Edges that leave the nodes of flat tries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edges:
    """The edges that leave some nodes, ordered by (source, token, target).

    Edges, not tokens, are the choices: where a title or passage may end and another one goes on with the
    token that ends it, two edges of one node have the same token.

    Attributes:
        source: int64 [E], index into the nodes that were asked for.
        token: int64 [E], first token of the edge; more may be forced after it (the chain of its target).
        target: int64 [E], >= 0: inner node; < 0: leaf, `~target` is the number of the title or passage.
    """

    source: np.ndarray
    token: np.ndarray
    target: np.ndarray


def edge_positions(first: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return index into `nodes` and position in the arrays of edges, for each edge that leaves the nodes.

    Args:
        first: int64 [N + 1], position of each node's first edge, and the number of all edges.
        nodes: int64 [B].
    """
    start = first[nodes]
    count = first[nodes + 1] - start
    before = np.cumsum(count) - count
    source = np.repeat(np.arange(len(nodes)), count)
    return source, np.arange(len(source)) + np.repeat(start - before, count)
