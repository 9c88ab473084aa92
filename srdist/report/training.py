"""The training's records as curves and facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from srdist.report.chart import line_chart
from srdist.storage.tables import TASKS


@dataclass(frozen=True)
class Training:
    """What the page shows of a training.

    Attributes:
        chart: loss of every task over the steps; None without records.
        legend: (task, mean of its last tenth of records), in the order of the chart's lines.
        facts: label -> figure.
    """

    chart: Markup | None
    legend: list[tuple[str, float]]
    facts: dict[str, str]


def describe_training(records: Iterable[dict[str, Any]]) -> Training:
    """Draw the loss curves of `train/metrics.jsonl` and pick the facts."""
    records = list(records)
    curves = _curves(records)
    chart = line_chart(curves, x_label="step", marks=_phase_starts(records)) if curves else None
    return Training(chart, [(task, _last(points)) for task, points in curves.items()], _facts(records))


def _curves(records: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for task in TASKS:
        key = f"loss_{task}"
        if points := [(float(record["step"]), float(record[key])) for record in records if key in record]:
            curves[task] = points
    return curves


def _phase_starts(records: list[dict[str, Any]]) -> dict[str, float]:
    starts: dict[str, float] = {}
    for record in records:
        starts.setdefault(record["phase"], float(record["step"]))
    return starts


def _last(points: list[tuple[float, float]]) -> float:
    tail = points[-max(1, len(points) // 10) :]
    return sum(y for _, y in tail) / len(tail)


def _facts(records: list[dict[str, Any]]) -> dict[str, str]:
    facts = {}
    if steps := [record["step"] for record in records if "step" in record]:
        facts["optimizer steps"] = f"{max(steps):,}"
    if tokens := [record["tokens"] for record in records if record.get("tokens")]:
        facts["tokens trained on"] = f"{max(tokens):,}"
    if speeds := sorted(record["tokens_per_second"] for record in records if record.get("tokens_per_second")):
        facts["tokens per second (median)"] = f"{speeds[len(speeds) // 2]:,.0f}"
    if rates := [record["learning_rate"] for record in records if record.get("learning_rate")]:
        facts["peak learning rate"] = f"{max(rates):.3g}"
    if memory := [record["memory_gb"] for record in records if record.get("memory_gb")]:
        facts["peak memory per rank"] = f"{max(memory):.1f} GB"
    return facts
