"""One job as sbatch takes it: site.env, the options on the command line, the job's environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from srdist.config.cluster import SlurmJobConfig
from srdist.config.schema import Config
from srdist.errors import UserError

SITE, SHARED = "site.env", "job.sh"
SITE_NAMES = ("ACCOUNT", "CPU_PARTITION", "GPU_PARTITION", "PYTHON")


@dataclass(frozen=True)
class PlannedJob:
    """A job of the chain, before it is submitted.

    Attributes:
        name: its place in the chain.
        script: its script in `cluster.slurm.scripts`.
        section: its section in `cluster.slurm`.
        stages: what it runs.
        arguments: of the script, after the config.
        after: name of the job that must succeed before.
    """

    name: str
    script: str
    section: str
    stages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    after: str | None = None


def copy_scripts(scripts: Path, folder: Path) -> None:
    """Put the scripts and site.env into the folder of a run's jobs."""
    for path in scripts.iterdir():
        if path.name in (SITE, SHARED) or path.suffix == ".sbatch":
            shutil.copyfile(path, folder / path.name)


def read_site(scripts: Path) -> dict[str, str]:
    """Return the variables of site.env that matter to sbatch.

    Raises:
        UserError: there is no such file, or bash finds a mistake in it.
    """
    path = scripts / SITE
    if not path.is_file():
        raise UserError("no such file", file=path, cure="set cluster.slurm.scripts to the folder slurm/ of a clone")
    show = f'source "$1"; for name in {" ".join(SITE_NAMES)}; do printf "%s\\0" "${{!name-}}"; done'
    done = subprocess.run(["bash", "-euc", show, "bash", str(path)], capture_output=True, text=True)
    if done.returncode:
        said = re.sub(r"^.*?: line (\d+): ", r"line \1: ", done.stderr.strip().splitlines()[0])
        raise UserError(said, file=path, cure="it is plain bash")
    return dict(zip(SITE_NAMES, done.stdout.split("\0"), strict=False))


def job_environment(config: Config, folder: Path, site: dict[str, str]) -> dict[str, str]:
    """Return the variables that job.sh expects."""
    return {
        "SRDIST_SLURM": str(folder),
        "SRDIST_LOGS": str(folder / "logs"),
        "SRDIST_PYTHON": site["PYTHON"] or sys.executable,
        "SRDIST_REQUEUES": str(config.cluster.slurm.requeues),
    }


def sbatch_command(
    config: Config, job: PlannedJob, folder: Path, site: dict[str, str], after: int | str | None
) -> list[str]:
    """Return the sbatch command of a job; what neither config nor site.env says, its script does.

    Args:
        after: number of the job before it, which must succeed.
    """
    settings: SlurmJobConfig = getattr(config.cluster.slurm, job.section)
    is_training = job.section == "train"
    ranks = max(1, settings.gpus_per_node) if is_training and settings.gpus_per_node is not None else None
    cpus = settings.cpus_per_node
    if is_training and cpus and ranks is None:
        what = "cluster.slurm.train.cpus_per_node is divided among the ranks, one a GPU"
        raise UserError(what, cure="set cluster.slurm.train.gpus_per_node too")
    options = {
        "job-name": f"{config.name}-{job.name}",
        "output": folder / "logs" / f"{job.name}-%j.log",
        "account": site["ACCOUNT"],
        "partition": settings.partition or site["CPU_PARTITION" if job.section == "prepare" else "GPU_PARTITION"],
        "nodes": settings.nodes,
        "gpus-per-node": settings.gpus_per_node,
        "ntasks-per-node": ranks,
        "cpus-per-task": max(1, cpus // (ranks or 1)) if cpus else None,
        "time": settings.time,
        "signal": f"B:USR1@{config.cluster.slurm.signal_seconds}" if job.section in ("train", "cell") else None,
        "dependency": f"afterok:{after}" if after is not None else None,
        "kill-on-invalid-dep": "yes" if after is not None else None,
        "export": "ALL",  # the environment tells a job its folder
    }
    given = [f"--{name}={value}" for name, value in options.items() if value not in (None, "")]
    script = [str(folder / job.script), str(folder / "config.yaml"), *job.arguments]
    return ["sbatch", "--parsable", *given, *settings.options, *script]
