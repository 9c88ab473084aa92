"""One Slurm for all tests of this folder, and one run that went through it."""

import os

import pytest

from tests.slurm import local_slurm
from tests.slurm.runs import logs, make_run, submit, wait_for_end


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Start a real Slurm, or skip saying why not; SLURM_CONF leads to it."""
    if reason := local_slurm.why_not():
        pytest.skip(reason)
    before = os.environ.get("SLURM_CONF")
    cluster = local_slurm.LocalSlurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        os.environ.pop("SLURM_CONF") if before is None else os.environ.update(SLURM_CONF=before)


@pytest.fixture(scope="session")
def finished(slurm, tmp_path_factory):
    """A run of two nodes, submitted and finished: its config and the numbers of its jobs."""
    config = make_run(tmp_path_factory.mktemp("chain"), tracking={"backend": "wandb"})
    jobs = submit(config)
    assert list(jobs) == ["prepare", "index", "train", "evaluate"]
    assert "jobs of this run are waiting or running" in local_slurm.srdist("submit", config).stderr
    assert wait_for_end(jobs["evaluate"], 900) == "COMPLETED", logs(config.parent / "run")
    return config, jobs
