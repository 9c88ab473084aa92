"""From values per query to the figures of a table: means, intervals, comparisons with a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srdist.config.baselines import EvaluateConfig
from srdist.evaluate.measures import QueryScores, mean
from srdist.evaluate.significance import Resampling, compare, mean_interval

Scores = Mapping[str, Mapping[str, QueryScores]]
"""system -> level -> values per query"""


def summarize(scores: Scores, against: str, config: EvaluateConfig) -> dict[str, dict[str, Any]]:
    """Return system -> its means by level and measure, their `intervals`, and, but for `against`, its `comparison`."""
    how = Resampling(config.resamples, config.confidence)
    summary: dict[str, dict[str, Any]] = {}
    for system, levels in scores.items():
        summary[system] = {
            level: {measure: mean(values) for measure, values in by_measure.items()}
            for level, by_measure in levels.items()
        }
        summary[system]["intervals"] = {
            level: {measure: mean_interval(values, how) for measure, values in by_measure.items()}
            for level, by_measure in levels.items()
        }
        if system != against:
            summary[system]["comparison"] = {
                level: {
                    measure: compare(values, scores[against][level][measure], how)
                    for measure, values in by_measure.items()
                }
                for level, by_measure in levels.items()
            }
    return summary
