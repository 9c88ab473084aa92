"""Set-ups that only a real Slurm can refuse, or a real Ray can break: a clear message, and nothing left behind."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from srdist.cluster.slurm import job_state
from srdist.storage.manifest import manifest_path
from tests.slurm.local_slurm import processes_naming, run, srdist, wait_until
from tests.slurm.runs import logs, make_run, submit, wait_for_end

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


@pytest.fixture(scope="module")
def config(slurm, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("broken"))


def refusal(config: Path, option: str) -> str:
    done = srdist("submit", config, "--set", option)
    assert done.returncode == 2
    assert run("squeue", "-h", "-t", "pending,running") == ""
    return done.stderr


def test_an_unknown_partition(config):
    said = refusal(config, "cluster.slurm.train.partition=nowhere")
    assert "the job train cannot be submitted: sbatch: invalid partition specified: nowhere" in said


def test_more_gpus_than_a_node_has(config):
    said = refusal(config, "cluster.slurm.train.gpus_per_node=8")
    assert "the job train cannot be submitted: sbatch: Invalid generic resource (gres) specification" in said


def test_a_missing_module_ends_the_chain_and_status_says_why(config):
    scripts = config.parent / "scripts"
    subprocess.run(["cp", "-r", Path(__file__).parents[2] / "slurm", scripts], check=True)
    (scripts / "site.env").write_text(
        "ACCOUNT= CPU_PARTITION= GPU_PARTITION= INTERFACE= CONTAINER= PYTHON= MODULES=no/1\n"
    )
    jobs = submit(config, "--set", f"cluster.slurm.scripts={scripts}")
    assert wait_for_end(jobs["prepare"]) == "FAILED"
    assert wait_for_end(jobs["evaluate"]) == "CANCELLED"
    shown = srdist("status", config.parent / "run").stdout
    assert "site.env asks for module no/1, but node n0 has no `module`" in shown
    assert f"not started, because prepare (job {jobs['prepare']}) did not succeed" in shown


def test_a_full_disk(config):
    small = config.parent / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        jobs = submit(config, "--set", f"output={small}/run")
        assert wait_for_end(jobs["prepare"]) == "FAILED"
        assert "GB are free" in logs(small / "run")
        assert not (small / "run/manifests").exists()
        wait_for_end(jobs["evaluate"])
    finally:
        run("umount", small)


def test_a_head_that_is_killed_ends_the_job_and_the_next_submission_goes_on(config):
    run_dir = config.parent / "run"
    jobs = submit(config)
    wait_until(lambda: list((run_dir / "slurm").glob("ray-*/address")), "Ray's head is up", 120)
    for path in Path("/proc").glob("[0-9]*"):
        line = (path / "cmdline").read_bytes() if (path / "cmdline").exists() else b""
        if b"gcs_server" in line.split(b"\0")[0] and f"srdist-ray-{jobs['prepare']}-0".encode() in line:
            os.kill(int(path.name), signal.SIGKILL)
    assert wait_for_end(jobs["prepare"]) == "FAILED"
    assert "Ray on node n0 ended with code" in srdist("status", run_dir).stdout
    assert wait_for_end(jobs["train"]) == "CANCELLED"
    assert not manifest_path(run_dir, "prepare").exists()
    wait_until(lambda: not processes_naming(f"srdist-ray-{jobs['prepare']}-"), "Ray's processes are gone", 20)


def test_cancel_ends_everything(config):
    run_dir = config.parent / "run"
    jobs = submit(config)
    wait_until(lambda: list((run_dir / "slurm").glob("ray-*/address")), "Ray's head is up", 120)
    assert f"cancelled {jobs['prepare']} (prepare)" in srdist("cancel", run_dir).stdout
    assert {wait_for_end(job) for job in jobs.values()} == {"CANCELLED"}
    wait_until(lambda: not processes_naming(str(run_dir), f"srdist-ray-{jobs['prepare']}-"), "all is gone", 30)
    assert job_state(jobs["prepare"]).restarts == 0
