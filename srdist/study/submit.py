"""Submit a study to Slurm: one job a cell, after the cell whose model it takes."""

from __future__ import annotations

from collections.abc import Sequence

from srdist.cluster.jobs import Job
from srdist.cluster.sbatch import PlannedJob
from srdist.cluster.submit import submit_jobs
from srdist.config.study import StudyConfig
from srdist.study.grid import Cell
from srdist.study.run import is_finished


def submit_cells(study: StudyConfig, cells: Sequence[Cell], overrides: Sequence[str]) -> list[Job]:
    """Submit the cells that are not finished; return the jobs, none where all are.

    Args:
        cells: all cells of the study, in its order.
        overrides: `section.key=value` texts that the cells were made with.

    Raises:
        UserError: there is no Slurm, it refuses a job, or jobs of the study are live.
    """
    options = tuple(word for override in overrides for word in ("--set", override))
    planned = []
    for number, cell in enumerate(cells):
        if not is_finished(cell):
            after = cell.model_of.name if cell.model_of else None
            arguments = (str(number), *options)
            planned.append((cell.config, PlannedJob(cell.name, "study.sbatch", "cell", ("report",), arguments, after)))
    return submit_jobs(study.output, study, cells[0].config.cluster.slurm.scripts, planned)
