"""The figures that a benchmark gives: shown as a table, and written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from srdist.progress import console
from srdist.storage.files import write_json


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        key: its name in the JSON; a dot makes groups: `search_speedup.tiny`.
        what: one line for a reader.
        value: the figure.
        unit: of the value; "x" is a ratio of two things measured in the same run.
    """

    key: str
    what: str
    value: float
    unit: str = "x"


def show_figures(title: str, figures: Sequence[Figure], file: Path | None) -> None:
    """Print the figures as a table; with `file`, also write `{key: value}` as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    table = Table("what", "figure", "key", title=title, title_justify="left")
    for figure in figures:
        table.add_row(figure.what, f"{figure.value:,.4g} {figure.unit}", f"[dim]{figure.key}[/dim]")
    console.print(table)
    if file is not None:
        write_json(file, {figure.key: figure.value for figure in figures})
