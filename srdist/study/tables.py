"""A study's table, systems against corpus sizes, as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from srdist.study.results import Result
from srdist.study.variants import Comparison

Lines = Mapping[str, Sequence[Result]]


def markdown(lines: Lines) -> str:
    """Return a Markdown table: a row a line, a column a size; each figure with its interval."""
    sizes = _sizes(lines)
    rows = [["system", *(f"{size:,}" for size in sizes)], ["---", *("---:" for _ in sizes)]]
    for name, results in lines.items():
        found = {result.documents: result for result in results}
        rows.append([name, *(_cell(found.get(size)) for size in sizes)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(result: Result | None) -> str:
    return f"{result.value:.3f} ({result.low:.3f} to {result.high:.3f})" if result else ""


def variants_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return a Markdown table of one size: a row a variant or baseline, a column a measure."""
    measures = list(dict.fromkeys(comparison.measure for comparison in comparisons))
    rows = [["variant", *measures], ["---", *("---:" for _ in measures)]]
    for name in dict.fromkeys(comparison.name for comparison in comparisons):
        found = {c.measure: f"{c.value:.3f}{c.mark}" for c in comparisons if c.name == name}
        rows.append([name, *(found.get(measure, "") for measure in measures)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def latex(lines: Lines, caption: str) -> str:
    """Return a LaTeX table in booktabs' style, to be set with `\\usepackage{booktabs}`."""
    sizes = _sizes(lines)
    rows = [
        " & ".join([_escape(name), *(_latex_cell({r.documents: r for r in results}.get(size)) for size in sizes)])
        for name, results in lines.items()
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escape(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * len(sizes)}}}",
            r"\toprule",
            " & ".join(["documents", *(f"{size:,}" for size in sizes)]) + r" \\",
            r"\midrule",
            *(row + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_cell(result: Result | None) -> str:
    return rf"{result.value:.3f} {{\scriptsize [{result.low:.3f}, {result.high:.3f}]}}" if result else ""


def _escape(text: str) -> str:
    return "".join("\\" + letter if letter in "&%$#_{}" else letter for letter in text)


def _sizes(lines: Lines) -> list[int]:
    return sorted({result.documents for results in lines.values() for result in results})
