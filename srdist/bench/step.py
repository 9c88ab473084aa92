"""The step of the constraint, as `srdist bench decode` measures it: against log_softmax of the same rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from srdist.bench.figures import Figure
from srdist.bench.timing import seconds
from srdist.decode.kernel import Choices, Rows, best_choices, choice_scores, log_totals
from srdist.trie import Edges, Trie

BEAMS = (160, 1600)
WIDTH = 10
"""beams of a query, and how many live on"""
REPEATS = 15


def measure_step(trie: Trie) -> list[Figure]:
    """Measure a step at a title's second token and at a passage's first one.

    A step is what the search does once the logits are there: it gathers the logits of the allowed tokens, takes off
    the row's logsumexp, adds the beams' scores and selects the best ten that go on and the best ten that ended, of
    each query's ten beams. Finding the edges of the beams (done before the forward) and logsumexp are given apart.
    Each time is the least of some, taken right after a pass over all logits, so that nothing else is in the caches.
    """
    generator = np.random.default_rng(0)
    root = trie.title_edges(np.array([trie.title_root]))
    second = np.unique(root.target[root.target >= 0])
    some = generator.permutation(trie.n_titles)[: 20 * max(BEAMS)].tolist()
    roots = np.array([node for node in map(trie.passage_root, some) if node >= 0])
    figures = []
    for beams in BEAMS:
        logits = torch.from_numpy(generator.standard_normal((beams, trie.vocabulary), dtype=np.float32))
        for name, where, edges_of, nodes in (
            ("", "a passage's first token", trie.passage_edges, np.sort(generator.choice(roots, beams))),
            ("title_", "a title's second token", trie.title_edges, np.sort(generator.choice(second, beams))),
        ):
            step, edges, total, whole = _times(logits, edges_of, nodes)
            parts = f"{beams} beams, {where}"
            figures += [
                Figure(f"{name}step_over_log_softmax.{beams}", f"step over log_softmax, {parts}", step / whole),
                Figure(f"{name}edges_over_log_softmax.{beams}", f"finding the edges, {parts}", edges / whole),
            ]
        figures.append(Figure(f"logsumexp_over_log_softmax.{beams}", f"logsumexp, {beams} rows", total / whole))
    return figures


def _times(logits: torch.Tensor, edges_of: Callable[[np.ndarray], Edges], nodes: np.ndarray) -> np.ndarray:
    """Return the seconds of a step, of finding the edges, of logsumexp and of log_softmax."""
    rows, edges = Rows.of(logits), edges_of(nodes)
    beams = len(nodes)
    first = np.searchsorted(edges.source, np.arange(beams + 1))
    begin, end, scores = first[:-1].copy(), first[1:].copy(), np.zeros(beams)
    choices, ended, first_beam = (
        Choices(np.arange(beams), first, edges.token),
        edges.target < 0,
        np.arange(0, beams + 1, WIDTH),
    )

    def step() -> None:
        found = choice_scores(rows, choices)
        best_choices(found, ended, begin, end, scores, first_beam, (WIDTH, WIDTH))

    works = (step, lambda: edges_of(nodes), lambda: log_totals(logits), lambda: logits.log_softmax(-1))
    return np.array([[_after_a_pass(logits, work) for work in works] for _ in range(REPEATS)]).min(0)


def _after_a_pass(logits: torch.Tensor, work: Callable[[], object]) -> float:
    log_totals(logits)
    return seconds(work)
