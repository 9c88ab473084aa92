"""`srdist study`: run a grid of experiments and show what came out."""

from __future__ import annotations

from pathlib import Path

import typer

from srdist.cli.cluster import print_jobs
from srdist.config.load import load_study
from srdist.errors import UserError
from srdist.progress import console
from srdist.study.grid import make_cells
from srdist.study.run import is_finished, run_cells
from srdist.study.study import run_study
from srdist.study.submit import submit_cells


def submit_and_print(config: Path, overrides: list[str]) -> None:
    """Submit the cells of a study that are not finished to Slurm; print the jobs and their logs."""
    study = load_study(config)
    print_jobs(submit_cells(study, make_cells(study, overrides), overrides), study.output)


def study_and_print(config: Path, overrides: list[str], only: int | None, list_cells: bool) -> None:
    """Run a study, or one of its cells; print the page's path.

    Args:
        overrides: `section.key=value` texts for the base config.
        only: number of the one cell to run, from 0; None: all, and the page.
        list_cells: print the cells instead.

    Raises:
        typer.Exit: with 1, where a cell failed.
    """
    study = load_study(config)
    cells = make_cells(study, overrides)
    if list_cells:
        for number, cell in enumerate(cells):
            print(f"{number}\t{cell.name}\t{'finished' if is_finished(cell) else 'to do'}\t{cell.run_dir}")
        return
    if only is not None and only >= len(cells):
        raise UserError(f"the study has {len(cells)} cells, there is no cell {only}", file=config)
    failed = run_study(study, cells) if only is None else run_cells(cells[only : only + 1])
    if only is None and len(failed) < len(cells):
        print(study.output / "study.html")
    for cell in failed:
        console.print(f"[red]failed:[/red] {cell.name}, log: {cell.log}", soft_wrap=True, highlight=False)
    if failed:
        again = "the same command runs them again; one whose settings changed is made anew when its folder is removed"
        console.print(f"{len(failed)} of {len(cells)} cells failed; {again}", highlight=False)
        raise typer.Exit(1)
