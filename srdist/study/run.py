"""Run the cells of a study, one after the other; each is an ordinary run in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from srdist.cluster.children import end_with_parent, signals_passed_on
from srdist.config.load import save_config
from srdist.errors import REQUEUE
from srdist.prepare.stage import prepare_stage
from srdist.progress import console
from srdist.report.stage import is_reported
from srdist.study.grid import Cell
from srdist.study.sharing import share_stages
from srdist.train.stage import train_stage


def run_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Run the cells that are not finished; a failed one does not stop the others.

    Returns:
        the cells that failed, or could not be run as the cell they take their model of failed.

    Raises:
        SystemExit: after a stop signal, with 85; a keyboard interrupt is passed on.
    """
    failed: list[Cell] = []
    for number, cell in enumerate(cells, start=1):
        if cell.model_of in failed:
            failed.append(cell)
            continue
        if is_finished(cell):
            continue
        console.print(f"cell {number} of {len(cells)}: {cell.name} (log: {cell.log})", highlight=False)
        if run_cell(cell) != 0:
            failed.append(cell)
    return failed


def is_finished(cell: Cell) -> bool:
    """Tell whether a cell's last stage is done, with the config and the input files that the study has now."""
    return (
        is_reported(cell.config)
        and prepare_stage(cell.config).is_done()
        and train_stage(cell.config, checksums=False).is_done()
    )


def run_cell(cell: Cell) -> int:
    """Run one cell; return its exit code.

    Raises:
        SystemExit: 85, after a stop signal that the run has obeyed.
    """
    cell.run_dir.parent.mkdir(parents=True, exist_ok=True)
    if cell.model_of is not None:
        share_stages(cell.model_of.run_dir, cell.run_dir)
    save_config(cell.config, cell.config_file)
    command = [sys.executable, "-m", "srdist.cli", "run", str(cell.config_file)]
    with open(cell.log, "ab") as log:
        process = subprocess.Popen(  # ends with this one: two runs must not write to one folder
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent
        )
        with signals_passed_on([process], (signal.SIGTERM, signal.SIGUSR1)) as stopped:
            code = process.wait()
    if stopped or code == REQUEUE:
        raise SystemExit(REQUEUE)
    return code
