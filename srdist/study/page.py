"""A study's page: one self-contained HTML file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from srdist.config.study import StudyConfig
from srdist.evaluate.table import LEVELS
from srdist.report.templates import page_templates
from srdist.study.results import Cost, Result, lines_of
from srdist.study.variants import Comparison


@dataclass(frozen=True)
class Picture:
    """A figure on the page: its title and its SVG."""

    title: str
    svg: str


def render(
    study: StudyConfig,
    results: Sequence[Result],
    costs: Sequence[Cost],
    largest: Sequence[Comparison],
    pictures: Sequence[Picture],
    unfinished: Sequence[str],
) -> str:
    """Return the page; every text in it is escaped, the figures' SVG stands in it.

    Args:
        largest: the comparisons of the variants at the largest size.
    """
    from markupsafe import Markup

    inline = [(picture.title, Markup(_element(picture.svg, number))) for number, picture in enumerate(pictures)]
    return (
        page_templates(Path(__file__).parent)
        .get_template("study.html.jinja")
        .render(
            study=study,
            sizes=sorted({result.documents for result in results}),
            levels={level: lines_of(results, level, study.measure) for level in LEVELS},
            costs=costs,
            compared={name: list(rows) for name, rows in groupby(largest, lambda row: row.name)},
            pictures=inline,
            unfinished=unfinished,
        )
    )


def _element(svg: str, number: int) -> str:
    """Cut an SVG file to its element; make its ids its own, as several stand in one page."""
    element = svg[svg.index("<svg") :]
    return re.sub(r'(id="|href="#|url\(#)', rf"\1f{number}-", element)
