"""From probabilities to the ranking (paper, "Inference", step 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WITHOUT_ASSESSMENT = ("title", "query_likelihood")
"""Scores that no assessment is part of."""


def softmax(values: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(values / temperature), float64 of the same shape [n]."""
    scaled = np.asarray(values, dtype=np.float64) / temperature
    weights = np.exp(scaled - scaled.max(initial=-np.inf))
    return weights / weights.sum()


def title_scores(logprobs: np.ndarray, tau: float, lengths: np.ndarray | None = None) -> np.ndarray:
    """S_T: softmax of P(t|q) / tau over the titles found.

    Args:
        logprobs: log P(t|q), [titles].
        lengths: number of tokens of each title with its end, [titles]: P(t|q) is the geometric mean of the tokens'
            probabilities instead of their product; None: the product (the paper).
    """
    logprobs = np.asarray(logprobs, dtype=np.float64)
    return softmax(np.exp(logprobs if lengths is None else logprobs / lengths), tau)


def passage_scores(rejections: np.ndarray, delta: float, groups: np.ndarray | None = None) -> np.ndarray:
    """S_P: softmax of (1 - P(rejection)) / delta over the passages of each title, or of the whole query.

    Args:
        rejections: P(rejection | q, t, p), [passages].
        groups: number of each passage's title, [passages]; None: one softmax over all of them.
    """
    rejections = np.asarray(rejections, dtype=np.float64)
    scores = np.empty_like(rejections)
    groups = np.zeros(len(rejections)) if groups is None else groups
    for group in np.unique(groups):
        scores[groups == group] = softmax(1 - rejections[groups == group], delta)
    return scores


def largest_passage_score(passages: int, delta: float) -> float:
    """Return the largest S_P that one of a title's passages can have: with rejection 0, all others with 1.

    e^(1/delta) / (e^(1/delta) + passages - 1)
    """
    return float(1 / (1 + (passages - 1) * np.exp(-1 / delta)))


def final_scores(
    kind: str, s_t: np.ndarray, s_p: np.ndarray, logprobs: np.ndarray, titles: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """S, by which passages are ranked; all arrays [passages].

    Args:
        kind: `product`: S_T * S_P (the paper); `title`: S_T; `assessment`: S_P; `likelihood`: S_T * S_P * P(p|q,t);
            `query_likelihood`: log P(t|q) + log P(q|t,p).
        logprobs: log P(p|q,t); `titles`: log P(t|q); `queries`: log P(q|t,p).
    """
    if kind == "query_likelihood":
        return titles + queries
    if kind == "title":
        return s_t
    if kind == "assessment":
        return s_p
    return s_t * s_p * (np.exp(logprobs) if kind == "likelihood" else 1.0)


def ranking(scores: Sequence[float], logprobs: Sequence[float], numbers: Sequence[int]) -> list[int]:
    """Return the order of the candidates: highest score first, of equal ones the likeliest, then by number.

    Args:
        logprobs: log P(t,p|q), [candidates].
    """
    return sorted(range(len(scores)), key=lambda index: (-scores[index], -logprobs[index], numbers[index]))
