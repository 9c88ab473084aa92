"""The metrics of a run as a table for the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from srdist.evaluate.records import SELF_RETRIEVAL
from srdist.progress import console

LEVELS = ("passage", "document")
SIGNIFICANT = 0.05
MARK = "†"
"""Stands behind a figure that differs from the baseline's by the paired test."""


def read_metrics(run_dir: Path) -> dict[str, Any]:
    """Read `evaluate/metrics.json` of a finished run."""
    return json.loads((run_dir / "evaluate" / "metrics.json").read_text(encoding="utf-8"))


def print_metrics(run_dir: Path) -> None:
    """Show the metrics of a finished run in the terminal."""
    console.print(metrics_table(read_metrics(run_dir)))


def metrics_table(metrics: dict[str, Any]) -> Table:
    """Return a table of systems against measures, at passage and document level.

    Args:
        metrics: the content of `evaluate/metrics.json`.
    """
    title = f"{metrics['name']}: {metrics['queries']['test']} test queries"
    table = Table(title=title, caption=_caption(metrics), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("system", no_wrap=True)
    for measure in metrics["measures"]:
        table.add_column(measure.replace("@", "\n@"), justify="right")
    for level in LEVELS:
        best = best_values(metrics, level)
        table.add_row(Text(f"{level} level", style="dim"))
        for system in systems_in_order(metrics):
            values = metrics["systems"][system][level]
            cells = [
                _cell(values[measure], best[measure], differs(metrics, system, level, measure))
                for measure in metrics["measures"]
            ]
            table.add_row(system, *cells)
        table.add_section()
    return table


def systems_in_order(metrics: dict[str, Any]) -> list[str]:
    """Return the systems' names, Self-Retrieval first."""
    return sorted(metrics["systems"], key=lambda name: (name != SELF_RETRIEVAL, name))


def best_values(metrics: dict[str, Any], level: str) -> dict[str, float]:
    """Return the highest value of each measure over all systems."""
    return {
        measure: max(system[level][measure] for system in metrics["systems"].values())
        for measure in metrics["measures"]
    }


def differs(metrics: dict[str, Any], system: str, level: str, measure: str) -> bool:
    """Tell whether a system differs from the baseline it is compared with, at p < `SIGNIFICANT`."""
    comparison = metrics["systems"][system].get("comparison")
    return comparison is not None and comparison[level][measure]["p"] < SIGNIFICANT


def _cell(value: float, best: float, marked: bool) -> Text:
    return Text(f"{value:.3f}{MARK if marked else ' '}", style="bold" if value == best else "")


def _caption(metrics: dict[str, Any]) -> str:
    titles = metrics["systems"][SELF_RETRIEVAL]["title"]
    lines = ["gold title generated: " + ", ".join(f"{name} {value:.3f}" for name, value in titles.items())]
    lines.append(f"{MARK} differs from {metrics['against']}, p < {SIGNIFICANT}, paired randomization test")
    lines.append(", ".join(f"{kind} {count}" for kind, count in metrics["outcomes"].items()))
    lines += [_naming_line(metrics, kind) for kind in metrics["naming"]]
    answers, queries = metrics["answers"], metrics["queries"]
    if answers["queries"]:
        lines.append(f"answers: EM {answers['EM']:.3f}, F1 {answers['F1']:.3f} over {answers['queries']} queries")
    missing = [(name, metrics["systems"][name]["missing_predictions"]) for name in systems_in_order(metrics)]
    lines += [f"queries without prediction, counted as zero: {name} {count}" for name, count in missing if count]
    if queries["without_gold"]:
        lines.append(f"queries without gold in the corpus, counted as zero: {queries['without_gold']}")
    return "\n".join(lines)


def _naming_line(metrics: dict[str, Any], kind: str) -> str:
    part, measure = metrics["naming"][kind], metrics["measures"][0]
    values = ", ".join(f"{name} {part['systems'][name][measure]:.3f}" for name in (SELF_RETRIEVAL, metrics["against"]))
    word = "a word" if kind == "named" else "no word"
    return f"{part['queries']} name {word} of the title: {measure} {values}"
