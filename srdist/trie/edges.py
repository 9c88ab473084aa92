"""Edges that leave the nodes of flat tries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edges:
    """The edges that leave some nodes, ordered by source and token.

    Edges, not tokens, are the choices: where a title or passage may end and another one goes on with the
    token that ends it, two edges of one node have the same token, and the end comes first. Equal titles end at
    edges of their own, in the order of their numbers.

    Attributes:
        source: int64 [E], index into the nodes that were asked for.
        token: int64 [E], first token of the edge; more may be forced after it (the chain of its target).
        target: int64 [E], >= 0: inner node; < 0: leaf, `~target` is the number of the title or passage.
    """

    source: np.ndarray
    token: np.ndarray
    target: np.ndarray
