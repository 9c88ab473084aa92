"""From probabilities to the ranking (paper, "Inference", step 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def softmax(values: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(values / temperature), float64 of the same shape [n]."""
    scaled = np.asarray(values, dtype=np.float64) / temperature
    weights = np.exp(scaled - scaled.max(initial=-np.inf))
    return weights / weights.sum()


def title_scores(logprobs: np.ndarray, tau: float) -> np.ndarray:
    """S_T: softmax of P(t|q) / tau over the titles found.

    Args:
        logprobs: log P(t|q), [titles].
    """
    return softmax(np.exp(logprobs), tau)


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


def ranking(scores: Sequence[float], numbers: Sequence[int]) -> list[int]:
    """Return the order of the candidates: highest score first, equal ones by their number."""
    return sorted(range(len(scores)), key=lambda index: (-scores[index], numbers[index]))
