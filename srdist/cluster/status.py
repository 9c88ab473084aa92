"""What a run is doing: its stages, its jobs, the training's progress, the end of a failed log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdist.cluster.jobs import Job, job_folder, read_jobs
from srdist.cluster.slurm import JobState, call, job_state
from srdist.storage.files import newest_record
from srdist.storage.manifest import manifest_path

METRICS = "train/metrics.jsonl"
TAIL_LINES = 8


@dataclass(frozen=True)
class JobStatus:
    """A job and what became of it.

    Attributes:
        said: why it failed or was cancelled, in one line; empty otherwise.
        tail: last lines of a failed job's logs.
    """

    job: Job
    state: JobState
    said: str = ""
    tail: tuple[str, ...] = ()


def stage_states(run_dir: Path, stages: tuple[str, ...]) -> dict[str, str]:
    """Return stage -> `done`, `begun` or `to do`."""
    states = {}
    for stage in stages:
        done, begun = (manifest_path(run_dir, name).exists() for name in (stage, f".{stage}.pending"))
        states[stage] = "done" if done else "begun" if begun else "to do"
    return states


def last_record(run_dir: Path) -> dict[str, Any] | None:
    """Return the newest whole record of the training's metrics: step, steps, loss, ...; None before the first."""
    return newest_record(run_dir / METRICS)


def job_statuses(run_dir: Path) -> list[JobStatus]:
    """Return the jobs of the run's last submission.

    Raises:
        UserError: this machine has no Slurm.
    """
    statuses: list[JobStatus] = []
    for job in read_jobs(job_folder(run_dir)):
        state = job_state(job.id)
        made_in = _made_in(run_dir, job)
        if state.state == "UNKNOWN" and all(manifest_path(made_in, stage).exists() for stage in job.stages):
            state = JobState("COMPLETED")
        statuses.append(_explained(job, state, statuses))
    return statuses


def _made_in(run_dir: Path, job: Job) -> Path:
    """Return the run's folder that a job's stages lie in: for a job of a study, that of its cell."""
    cell = run_dir / "cells" / job.name
    return cell if cell.is_dir() else run_dir


def _explained(job: Job, state: JobState, before: list[JobStatus]) -> JobStatus:
    if state.is_live or state.state == "COMPLETED":
        return JobStatus(job, state)
    failed = next((other for other in before if not other.state.is_live and other.state.state != "COMPLETED"), None)
    if failed:
        return JobStatus(
            job, state, said=f"not started, because {failed.job.name} (job {failed.job.id}) did not succeed"
        )
    return JobStatus(job, state, said=reason(job), tail=tail(job))


def job_logs(job: Job) -> list[Path]:
    """Return the logs of a job that exist: its own, then those of its ranks."""
    own = Path(job.log)
    return [path for path in [own, *sorted(own.parent.glob(f"{own.stem}-rank*.log"))] if path.exists()]


def reason(job: Job) -> str:
    """Return the first mistake that a job's logs report since its last start, or an empty text."""
    said = [unmarked(line) for path in reversed(job_logs(job)) for line in _since_last_start(path)]
    for pattern in (r"(?:[\w.]*Error|error|failed): (?!\(|ended with code)(.*)", r"([\w.]+Error\b.*)"):
        mistakes = [found[1] for line in said if (found := re.match(pattern, line))]
        if mistakes:  # a rank that lost another one says so too
            return next((mistake for mistake in mistakes if "onnection" not in mistake), mistakes[0])
    return ""


def unmarked(line: str) -> str:
    """Return a line of a log without the `[rank0]: ` that PyTorch sets before every line of a rank's traceback."""
    return re.sub(r"^\[rank\d+\]: ?", "", line)


def _since_last_start(path: Path) -> list[str]:
    lines = path.read_text(errors="replace").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("--- job ")]
    return lines[starts[-1] :] if starts else lines


def tail(job: Job) -> tuple[str, ...]:
    """Return the last lines of a job's own log."""
    path = Path(job.log)
    return tuple(path.read_text(errors="replace").splitlines()[-TAIL_LINES:]) if path.exists() else ()


def cancel(run_dir: Path) -> list[Job]:
    """Cancel the run's jobs that wait or run, the last first; return them.

    Raises:
        UserError: this machine has no Slurm.
    """
    live = [job for job in reversed(read_jobs(job_folder(run_dir))) if job_state(job.id).is_live]
    if live:
        call("scancel", *(str(job.id) for job in live))
    return live
