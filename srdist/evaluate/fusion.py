"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from srdist.evaluate.measures import Rankings


def fuse(rankings: Sequence[Rankings], k: int, top_k: int) -> dict[str, list[tuple[str, float]]]:
    """Fuse the rankings of several systems: a passage scores the sum of 1 / (k + rank) over the systems.

    Returns:
        query id -> at most `top_k` (passage id, score), best first; equal ones by descending id, as trec_eval does.
    """
    fused: dict[str, list[tuple[str, float]]] = {}
    for query in dict.fromkeys(query for ranking in rankings for query in ranking):
        scores: dict[str, float] = defaultdict(float)
        for ranking in rankings:
            for rank, passage in enumerate(ranking.get(query, ()), start=1):
                scores[passage] += 1 / (k + rank)
        best = sorted(sorted(scores.items(), reverse=True), key=lambda item: -item[1])
        fused[query] = best[:top_k]
    return fused
