"""What must hold on every node before a job starts there: `srun python -m srdist.cluster.node_check CONFIG`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from srdist.cluster.jobs import job_folder
from srdist.config import Config, load_config
from srdist.errors import UserError
from srdist.storage.files import write_text

SHARED_SECONDS = 120
"""How long a file that the first node wrote may need to appear on the others: NFS remembers for up to 60 s, by default,
that a file was not there (`acdirmax` in nfs(5))."""
RANKS_PER_NODE = "SRDIST_RANKS_PER_NODE"
"""Environment variable by which train.sbatch tells this check, one task a node, how many ranks a node will have."""
LEAST_FREE_GB = 1.0
"""Free space, in GB (10^9 bytes), below which no job starts."""


def check_node(config: Config, environment: Mapping[str, str] = os.environ) -> None:
    """Check this node's GPUs and that the run's folder is writable, shared with the first node and not full.

    Raises:
        UserError: names the node and what is wrong there.
    """
    node = environment.get("SLURMD_NODENAME", socket.gethostname())
    check_gpus(node, environment)
    note = job_folder(config.run_dir) / f"seen-{environment['SLURM_JOB_ID']}"
    start = f"start {environment.get('SLURM_RESTART_COUNT', '0')}"
    check_folder(note, node, start, is_first=environment.get("SLURM_PROCID", "0") == "0")


def load_submitted(file: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the config of the job.

    Raises:
        UserError: this node does not see it, or it is wrong.
    """
    if not file.exists():
        node = environment.get("SLURMD_NODENAME", socket.gethostname())
        cure = "choose an `output` on a file system that all nodes share"
        raise UserError(f"node {node} does not see the job's config", file=file, cure=cure)
    return load_config(file)


def check_gpus(node: str, environment: Mapping[str, str]) -> None:
    """Compare the GPUs that a job asked for with those that it sees, and with the ranks of a node."""
    asked = int(environment.get("SLURM_GPUS_PER_NODE", "0").rpartition(":")[2])
    if not asked:
        return
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    seen = len([name for name in visible.split(",") if name]) if visible is not None else len(_nvidia_devices())
    if seen != asked:
        what = f"node {node} shows {seen} GPUs, the job asked for {asked}"
        raise UserError(what, cure="correct cluster.slurm.*.gpus_per_node, or the node")
    ranks = int(environment.get(RANKS_PER_NODE) or asked)
    if ranks != asked:
        what = f"{ranks} tasks on node {node} for {asked} GPUs"
        raise UserError(what, cure="make --ntasks-per-node and --gpus-per-node of the script equal")


def _nvidia_devices() -> list[str]:
    return [name for name in os.listdir("/dev") if re.fullmatch(r"nvidia\d+", name)]


def check_folder(note: Path, node: str, start: str, *, is_first: bool, seconds: float = SHARED_SECONDS) -> None:
    """Let the first node write a note into the run's folder, and wait on the others until it is seen there.

    Args:
        start: text of the note, which tells this start of the job from earlier ones.
        seconds: how long the others wait.
    """
    run_dir = note.parent.parent
    try:
        if is_first:
            write_text(note, start)
            free = shutil.disk_usage(run_dir).free / 1e9
            if free < LEAST_FREE_GB:
                cure = "make room, or choose another `output`"
                raise UserError(f"only {free:.3f} GB are free", file=run_dir, cure=cure)
    except OSError as error:
        what = f"node {node} cannot write to the run's folder ({error.strerror})"
        raise UserError(what, file=run_dir, cure="choose an `output` that compute nodes can write to") from None
    deadline = time.monotonic() + seconds
    while not (note.is_file() and note.read_text() == start):
        if time.monotonic() > deadline:
            what = f"node {node} does not see what the first node of the job wrote there"
            raise UserError(what, file=run_dir, cure="choose an `output` on a file system that all nodes share")
        time.sleep(0.2)


def main(arguments: list[str]) -> int:
    """Check this node for the run of a config file; return 0, or 2 after saying what is wrong."""
    try:
        check_node(load_submitted(Path(arguments[0])))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
