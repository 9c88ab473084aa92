"""A study's figures with matplotlib: quality and cost against the size of the corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from srdist.errors import UserError
from srdist.evaluate.records import SELF_RETRIEVAL
from srdist.storage.files import written_aside
from srdist.study.results import Cost, Result, over_seeds
from srdist.study.variants import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vP*Xh"
COLOURS = ("#1b4f9c", "#c4570e", "#2b8a57", "#8a3d8f", "#7a6a12", "#0d8aa0", "#a02c3c", "#555555", "#3f6f1f")
"""Told apart by people who do not see red and green alike, in print too by their markers."""
SIZE = (6.4, 3.9)
COSTS = {
    "prepare_seconds": "prepare, seconds",
    "index_seconds": "index, seconds",
    "trie_bytes": "trie, bytes",
    "latency_p50_ms": "a query, median, milliseconds",
    "latency_p95_ms": "a query, 95th percentile, milliseconds",
    "memory_mb": "a retriever's memory, MB",
}


def quality_against_size(lines: Mapping[str, Sequence[Result]], measure: str) -> Figure:
    """Draw a line with its interval for every system and variant."""
    figure, axes = _axes("documents", measure)
    for number, (name, results) in enumerate(lines.items()):
        style = _style(number)
        x = [result.documents for result in results]
        axes.plot(x, [result.value for result in results], label=name, **style)
        axes.fill_between(
            x, [r.low for r in results], [r.high for r in results], color=style["color"], alpha=0.12, lw=0
        )
    axes.set_xscale("log")
    _ticks(axes, sorted({result.documents for results in lines.values() for result in results}))
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8)
    return figure


def cost_against_size(costs: Sequence[Cost]) -> Figure:
    """Draw each cost of the first variant, as a multiple of what it is at the smallest size."""
    figure, axes = _axes("documents", "times the smallest corpus'")
    own = sorted((cost for cost in costs if cost.variant == costs[0].variant), key=lambda cost: cost.documents)
    own = [cost for cost in own if cost.seed == own[0].seed]
    for number, (name, label) in enumerate(COSTS.items()):
        first = getattr(own[0], name)
        axes.plot([c.documents for c in own], [getattr(c, name) / first for c in own], label=label, **_style(number))
    axes.set_xscale("log")
    axes.set_yscale("log")
    _ticks(axes, [cost.documents for cost in own])
    _plain_labels(axes)
    axes.legend(frameon=False, fontsize=8)
    return figure


def quality_of_variants(comparisons: Sequence[Comparison], measure: str) -> Figure:
    """Draw a point with its interval for every variant and baseline of one size, a row each, the first one on top."""
    figure, axes = _axes(measure, "")
    rows = [comparison for comparison in comparisons if comparison.measure == measure]
    for row, found in enumerate(rows):
        error = [[found.value - found.low], [found.high - found.value]]
        axes.errorbar(found.value, row, xerr=error, capsize=2, **_style(0))
    axes.axvline(rows[0].value, color=COLOURS[7], lw=0.8, ls=":")
    axes.set_yticks(range(len(rows)), [row.name + row.mark for row in rows])
    axes.invert_yaxis()
    return figure


def quality_against_latency(results: Sequence[Result], costs: Sequence[Cost], level: str, measure: str) -> Figure:
    """Draw a point for every variant of Self-Retrieval at the largest corpus, averaged over seeds: time and quality."""
    figure, axes = _axes("milliseconds a query (median)", measure)
    largest = max(cost.documents for cost in costs)
    wanted = (largest, SELF_RETRIEVAL, level, measure)
    points = [r for r in over_seeds(results) if (r.documents, r.system, r.level, r.measure) == wanted]
    for number, result in enumerate(points):
        error = [[result.value - result.low], [result.high - result.value]]
        times = [c.latency_p50_ms for c in costs if (c.variant, c.documents) == (result.variant, largest)]
        axes.errorbar(fmean(times), result.value, error, capsize=2, label=result.variant, **_style(number))
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write `path` with the suffixes .svg and .png; the same figure gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "path"}):
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            with written_aside(path.with_suffix(suffix)) as aside:
                figure.savefig(aside, format=suffix[1:], dpi=150, metadata=metadata)


def check_matplotlib() -> None:
    """Refuse to go on where figures cannot be drawn."""
    if find_spec("matplotlib") is None:
        raise UserError("figures need the Python package matplotlib", cure='pip install "srdist[study]"')


def _axes(x: str, y: str) -> tuple:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _style(number: int) -> dict:
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)], "ms": 5, "lw": 1.6}


def _ticks(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.minorticks_off()


def _plain_labels(axes: Axes) -> None:
    """Label a logarithmic y-axis with plain numbers, between the powers of ten too where it covers few of them."""
    from matplotlib.ticker import LogFormatter, LogLocator

    axes.yaxis.set_minor_locator(LogLocator(subs="auto", numticks=12))
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter())
