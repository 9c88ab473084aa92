"""How sure a figure is: bootstrap intervals of a mean, and a paired test of two systems on the same queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH_VALUES = 5_000_000
"""Resampled values held in memory at once."""


@dataclass(frozen=True)
class Resampling:
    """How to resample.

    Attributes:
        resamples: number of resamples.
        confidence: level of the intervals, 0 to 1.
    """

    resamples: int
    confidence: float


def mean_interval(values: Mapping[str, float], how: Resampling) -> list[float]:
    """Return the percentile bootstrap interval of the mean over queries, [low, high] (Efron and Tibshirani, 1993).

    Args:
        values: query id -> value.
    """
    from scipy.stats import bootstrap

    sample = np.fromiter(values.values(), dtype=np.float64)
    if len(sample) < 2 or np.ptp(sample) == 0:
        return [float(sample.mean())] * 2
    found = bootstrap(
        (sample,),
        np.mean,
        n_resamples=how.resamples,
        batch=max(1, BATCH_VALUES // len(sample)),
        confidence_level=how.confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return [float(found.low), float(found.high)]


def compare(values: Mapping[str, float], other: Mapping[str, float], how: Resampling) -> dict[str, Any]:
    """Compare two systems on the same queries.

    The p-value is that of the two-sided paired randomization test: how often a difference at least as large comes
    up when the two values of each query are swapped by chance (Smucker, Allan and Carterette, CIKM 2007).

    Returns:
        `difference` of the means, its bootstrap `interval` and `p`.
    """
    from scipy.stats import permutation_test

    differences = {query: value - other[query] for query, value in values.items()}
    sample = np.fromiter(differences.values(), dtype=np.float64)
    p = 1.0
    if len(sample) > 1 and np.any(sample):
        p = permutation_test(
            (sample,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=how.resamples,
            batch=max(1, BATCH_VALUES // len(sample)),
            rng=np.random.default_rng(0),
        ).pvalue
    return {"difference": float(sample.mean()), "interval": mean_interval(differences, how), "p": float(p)}
