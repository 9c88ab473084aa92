"""The section `cluster` of a config: Ray, and the jobs that `srdist submit` gives to Slurm."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from srdist.config.paths import ConfigPath
from srdist.config.section import Count, Positive, Section

SCRIPTS = Path(__file__).parents[2] / "slurm"
"""Folder of the scripts in a clone of the repository."""


class SlurmJobConfig(Section):
    """One job of the chain; null: what its script's #SBATCH lines and site.env say."""

    nodes: Positive | None = None
    """nodes of the job"""
    gpus_per_node: Count | None = None
    """GPUs of every node; training starts one rank on each, or one on every node without any"""
    cpus_per_node: Positive | None = None
    """CPUs of every node; they are divided among its ranks"""
    time: str | None = Field(default=None, pattern=r"^(\d+-)?\d+(:\d+){0,2}$", coerce_numbers_to_str=True)
    """time limit, as sbatch takes it: minutes, hours:minutes:seconds or days-hours"""
    partition: str | None = None
    """partition instead of the one in site.env"""
    options: list[str] = []
    """further options of sbatch, each one text: --mem=0, --constraint=a100"""


class SlurmConfig(Section):
    scripts: ConfigPath = SCRIPTS
    """folder of site.env, job.sh and the scripts"""
    prepare: SlurmJobConfig = SlurmJobConfig()
    """the jobs of prepare and index: Ray across CPU nodes"""
    train: SlurmJobConfig = SlurmJobConfig()
    """the training: one rank a GPU"""
    evaluate: SlurmJobConfig = SlurmJobConfig()
    """retrieve and all that follows: Ray across GPU nodes"""
    cell: SlurmJobConfig = SlurmJobConfig()
    """a cell of a study, by `srdist study --submit`: a whole run on one node"""
    signal_seconds: Positive = 300
    """seconds before the time limit at which a training saves and is requeued; Slurm may be a minute early"""
    requeues: Count = 20
    """times that one job may be requeued, for whatever reason"""
    join_seconds: Positive = 120
    """seconds that all nodes of a job have to join its Ray cluster before it fails"""


class ClusterConfig(Section):
    workers: Positive | None = None
    """Ray workers on this machine; null: one per CPU"""
    object_store_mb: int = Field(default=400, ge=75)
    """Ray's object store on every machine, in MB"""
    slurm: SlurmConfig = SlurmConfig()
    """the jobs of `srdist submit`"""
