"""What a run remembers of its Slurm jobs: `<run>/slurm/`, with jobs.json, the scripts as submitted, and the logs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from srdist.storage.files import write_json


@dataclass(frozen=True)
class Job:
    """A job that was submitted.

    Attributes:
        name: its place in the chain.
        id: Slurm's number.
        stages: what it runs.
        log: its log; the ranks' own are beside it.
    """

    name: str
    id: int
    stages: tuple[str, ...]
    log: str


def job_folder(run_dir: Path) -> Path:
    """Return the folder of everything that `srdist submit` and its jobs keep below a run or a study."""
    return run_dir / "slurm"


def read_jobs(folder: Path) -> list[Job]:
    """Return the jobs of the last submission, in their order; none where there was no submission."""
    path = folder / "jobs.json"
    if not path.exists():
        return []
    return [Job(**{**facts, "stages": tuple(facts["stages"])}) for facts in json.loads(path.read_text())]


def write_jobs(folder: Path, jobs: list[Job]) -> None:
    """Remember the jobs of a submission."""
    write_json(folder / "jobs.json", [asdict(job) for job in jobs])
