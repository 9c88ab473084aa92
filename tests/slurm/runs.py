"""Runs for a cluster of two virtual nodes without GPUs, and what is compared of them."""

from __future__ import annotations

import json
from pathlib import Path

from srdist.cluster.slurm import job_state
from tests.slurm.local_slurm import srdist, wait_until
from tests.tiny_run import make_experiment

MEASURED = ("second", "memory", "utilization")
"""parts of the names of fields that no two trainings have alike"""
TWO_NODES = {"nodes": 2, "gpus_per_node": 0, "cpus_per_node": 1, "time": "30"}


def make_run(folder: Path, slurm: dict | None = None, **changes) -> Path:
    """Write a small experiment for two nodes; return its config file."""
    jobs = dict.fromkeys(("prepare", "train", "evaluate"), TWO_NODES) | {"join_seconds": 120} | (slurm or {})
    cluster = {"workers": 2, "object_store_mb": 100, "slurm": jobs}
    return make_experiment(folder, cluster=cluster, **changes)


def submit(config: Path, *options: str) -> dict[str, int]:
    """Submit a run; return name of each job -> its number."""
    done = srdist("submit", config, *options)
    assert done.returncode == 0, done.stderr
    return {line.split()[1]: int(line.split()[0]) for line in done.stdout.splitlines()}


def wait_for_end(job: int, seconds: float = 500) -> str:
    """Wait until a job has ended; return Slurm's word for how."""
    wait_until(lambda: not job_state(job).is_live, f"job {job} ends", seconds)
    return job_state(job).state


def metrics(run_dir: Path) -> list[dict]:
    """Return the records of a training, without times and memory."""
    path = run_dir / "train/metrics.jsonl"
    records = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [{k: v for k, v in record.items() if not any(part in k for part in MEASURED)} for record in records]


def logs(run_dir: Path) -> str:
    """Return all logs of a run's jobs."""
    paths = sorted((run_dir / "slurm/logs").glob("*.log"))
    return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')}" for path in paths)
