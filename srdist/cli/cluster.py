"""`srdist submit`, `status` and `cancel`: a run as jobs of a Slurm cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srdist.cli.stages import STAGES
from srdist.config import load_config
from srdist.errors import UserError
from srdist.progress import console

if TYPE_CHECKING:
    from srdist.cluster.jobs import Job

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="folder of the run or the study")]
NAMES = tuple(stage.name for stage in STAGES)


def submit(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="the experiment's YAML file")],
    set: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override a value")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print commands and scripts, submit nothing")] = False,
) -> None:
    """Submit what is not finished of a run to Slurm: prepare, index, train, evaluate, each after the one before."""
    from srdist.cluster import submit as slurm

    settings = load_config(config, set or [])
    if dry_run:
        print(slurm.shown_scripts(settings, NAMES))
        return
    print_jobs(slurm.submit(settings, NAMES), settings.run_dir)


def print_jobs(jobs: list[Job], folder: Path) -> None:
    """Print number, name and log of the jobs of a submission, and what to do next."""
    for job in jobs:
        print(f"{job.id}  {job.name:<9} {job.log}")
    console.print(f"`srdist status {folder}` shows how they are doing" if jobs else "all is finished", markup=False)


def status(run: RunFolder) -> None:
    """Show the stages and jobs of a run, or the jobs of a study, the training's progress, and why a job failed."""
    from srdist.cluster.status import job_statuses, last_record, stage_states

    _check_is_run(run)
    if not (run / "cells").is_dir():  # of a study
        print("stages    " + ", ".join(f"{name} {state}" for name, state in stage_states(run, NAMES).items()))
    if record := last_record(run):
        share = record["step"] / record["steps"]
        print(f"training  step {record['step']:,} of {record['steps']:,} ({share:.0%}), loss {record['loss']:.5f}")
    for item in job_statuses(run):
        why = f": {item.said or item.state.reason}" if item.said or item.state.reason else ""
        requeued = f", requeued {item.state.restarts} times" if item.state.restarts else ""
        nodes = f" on {item.state.nodes}" if item.state.nodes else ""
        print(f"{item.job.name:<9} job {item.job.id} {item.state.state.lower()}{nodes}{requeued}{why}")
        if item.tail:
            print(f"  {item.job.log}:\n" + "\n".join(f"  | {line}" for line in item.tail))


def cancel(run: RunFolder) -> None:
    """Cancel a run's jobs that wait or run; what they finished is kept."""
    from srdist.cluster.status import cancel as cancel_jobs

    _check_is_run(run)
    cancelled = cancel_jobs(run)
    for job in cancelled:
        print(f"cancelled {job.id} ({job.name})")
    if not cancelled:
        console.print("no job of this run waits or runs")


def _check_is_run(run: Path) -> None:
    if not (run / "manifests").is_dir() and not (run / "slurm").is_dir():
        raise UserError("this is not a run's folder", file=run, cure="name the `output` of a config")
