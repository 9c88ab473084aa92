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


def passage_scores(rejections: np.ndarray, delta: float) -> np.ndarray:
    """S_P: softmax of (1 - P(rejection)) / delta over the passages of one title.

    Args:
        rejections: P(rejection | q, t, p), [passages of the title].
    """
    return softmax(1 - np.asarray(rejections), delta)


def ranking(scores: Sequence[float], numbers: Sequence[int]) -> list[int]:
    """Return the order of the candidates: highest score first, equal ones by their number."""
    return sorted(range(len(scores)), key=lambda index: (-scores[index], numbers[index]))
