"""Set-ups that only a real Slurm can refuse, or a real Ray can break: a clear message, and nothing left behind."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from srdist.cluster.rendezvous import free_ports
from srdist.cluster.slurm import job_state
from srdist.config.cluster import SCRIPTS
from tests.slurm.local_slurm import processes_naming, run, srdist, wait_until
from tests.slurm.runs import make_run, submit, wait_for_end

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

NEVER = "sleep 6543"
SITES = {
    "no-worker": ("CONTAINER", f'[ $SLURMD_NODENAME = n0 ] || exec {NEVER}; exec "$@"'),
    "unshared": ("CONTAINER", '[ $SLURMD_NODENAME = n0 ] || mount -t tmpfs tmpfs RUN; exec "$@"'),
    "read-only": ("CONTAINER", 'mount --bind RUN RUN; mount -o remount,ro,bind RUN; exec "$@"'),
    "no-module": ("MODULES", "no/1"),
    "full-disk": ("MODULES", ""),
}
"""set-up -> a variable of site.env and its value; CONTAINER: bash that a node runs before every command, on its own
view of the file systems, where RUN is the run's folder"""


@pytest.fixture(scope="module")
def config(slurm, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("broken"))


@pytest.fixture(scope="module")
def broken(config):
    """Submit the runs of all set-ups at once; give set-up -> the run's folder and its jobs."""
    disk = config.parent / "full-disk"
    disk.mkdir()
    mount = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk)
    try:
        yield {name: submit_broken(config, name) for name in SITES}
    finally:
        run("umount", disk)


def submit_broken(config, name):
    run_dir, scripts = config.parent / name / "run", config.parent / f"scripts-{name}"
    subprocess.run(["cp", "-r", SCRIPTS, scripts], check=True)
    variable, value = SITES[name]
    if variable == "CONTAINER":
        (scripts / "view.sh").write_text(value.replace("RUN", str(run_dir)))
        value = f"unshare --mount bash {scripts}/view.sh"
    with open(scripts / "site.env", "a") as site:
        site.write(f'\n{variable}="{value}"\n')
    changes = (f"output={run_dir}", f"cluster.slurm.scripts={scripts}", "cluster.slurm.join_seconds=20")
    return run_dir, submit(config, *(word for change in changes for word in ("--set", change)))


def said_at_the_end(run_dir, jobs):
    """Wait until the chain has ended, of which nothing may be left; return what status says of its first job."""
    assert wait_for_end(jobs["prepare"]) == "FAILED"
    assert job_state(jobs["prepare"]).restarts == 0
    assert {wait_for_end(jobs[name]) for name in ("index", "train", "evaluate")} == {"CANCELLED"}
    leftovers = (str(run_dir), f"srdist-ray-{jobs['prepare']}-")
    wait_until(lambda: not processes_naming(*leftovers), "all processes are gone", 30)
    assert {path.name for path in run_dir.iterdir()} <= {"slurm", "manifests"}
    assert not list(run_dir.glob("manifests/[a-z]*"))
    shown = srdist("status", run_dir).stdout
    assert f"not started, because prepare (job {jobs['prepare']}) did not succeed" in shown
    return next(line for line in shown.splitlines() if line.startswith("prepare"))


def refusal(config: Path, option: str) -> str:
    done = srdist("submit", config, "--set", option)
    assert done.returncode == 2
    assert run("squeue", "-h", "-t", "pending,running") == ""
    assert not (config.parent / "run/manifests").exists()
    return done.stderr


def test_an_unknown_partition(config):
    said = refusal(config, "cluster.slurm.train.partition=nowhere")
    assert "the job train cannot be submitted: sbatch: invalid partition specified: nowhere" in said


def test_more_gpus_than_a_node_has(config):
    said = refusal(config, "cluster.slurm.train.gpus_per_node=8")
    assert "the job train cannot be submitted: sbatch: Invalid generic resource (gres) specification" in said


def test_a_missing_module(broken):
    said = said_at_the_end(*broken["no-module"])
    assert "site.env asks for module no/1, but node n0 has no `module`" in said


def test_a_full_disk(broken):
    assert "GB are free" in said_at_the_end(*broken["full-disk"])


def test_a_folder_that_a_node_cannot_write_to(broken):
    said = said_at_the_end(*broken["read-only"])
    assert "node n0 cannot write to the run's folder (Read-only file system)" in said


def test_a_folder_that_nodes_do_not_share(broken):
    said = said_at_the_end(*broken["unshared"])
    assert "node n1 does not see the job's config" in said and "a file system that all nodes share" in said


def test_a_worker_that_never_comes(broken):
    assert "only 1 of 2 nodes joined the Ray cluster within 20 s" in said_at_the_end(*broken["no-worker"])
    assert not processes_naming(NEVER)


def test_a_head_that_is_killed_ends_the_job_and_the_next_submission_goes_on(config):
    run_dir = config.parent / "run"
    jobs = submit(config)
    wait_until(lambda: list((run_dir / "slurm").glob("ray-*/address")), "Ray's head is up", 120)
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if b"gcs_server" in line.split(b"\0")[0] and f"srdist-ray-{jobs['prepare']}-0".encode() in line:
            os.kill(int(path.name), signal.SIGKILL)
    assert wait_for_end(jobs["prepare"]) == "FAILED"
    assert "Ray's head on node n0 has ended" in srdist("status", run_dir).stdout
    assert wait_for_end(jobs["evaluate"]) == "CANCELLED"
    assert not (run_dir / "manifests/prepare.json").exists()
    wait_until(lambda: not processes_naming(f"srdist-ray-{jobs['prepare']}-"), "Ray's processes are gone", 20)


def test_a_taken_port_is_passed_over_and_cancel_ends_everything(config):
    run_dir = config.parent / "run"
    jobs = submit(config)
    with socket.socket() as other:
        taken = free_ports(jobs["prepare"], 2)
        other.bind(("", taken))
        other.listen()
        wait_until(lambda: list((run_dir / "slurm").glob("ray-*/address")), "Ray's head is up", 120)
    (address,) = (run_dir / "slurm").glob("ray-*/address")
    assert int(address.read_text().rpartition(":")[2]) > taken + 1
    assert f"cancelled {jobs['prepare']} (prepare)" in srdist("cancel", run_dir).stdout
    assert {wait_for_end(job) for job in jobs.values()} == {"CANCELLED"}
    wait_until(lambda: not processes_naming(str(run_dir), f"srdist-ray-{jobs['prepare']}-"), "all is gone", 30)
    assert job_state(jobs["prepare"]).restarts == 0
