"""A study on a real Slurm: an array of cells, one of them stopped, then the cell that takes the model of another."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from srdist.config.load import load_study
from srdist.study.grid import make_cells
from srdist.study.run import is_finished
from tests.slurm.local_slurm import run, srdist, wait_until
from tests.slurm.runs import wait_for_end
from tests.tiny_run import make_experiment

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
REPOSITORY = Path(__file__).parents[2]
VARIANTS = [
    {"name": "full"},
    {"name": "one-title", "documents": [12], "model_of": "full", "set": ["retrieve.titles=1"]},
]


@pytest.fixture(scope="module")
def study(slurm, tmp_path_factory):
    """A study of three cells: full-12-0, one-title-12-0 with its model, full-24-0; its file."""
    folder = tmp_path_factory.mktemp("study")
    cell = {"gpus_per_node": 0, "cpus_per_node": 1, "time": "30"}
    make_experiment(folder, cluster={"workers": 1, "object_store_mb": 100, "slurm": {"cell": cell}})
    facts = {"name": "tiny-study", "output": "study", "base": "config.yaml", "documents": [12, 24]}
    (folder / "study.yaml").write_text(yaml.safe_dump(facts | {"variants": VARIANTS}))
    return folder / "study.yaml"


def submit_array(study: Path) -> int:
    """Submit the two cells with a model of their own from the clone's folder, as docs/cluster.md says."""
    options = ("--array=0,2%2", "--gpus-per-node=0", "--cpus-per-task=1", f"--output={study.parent}/%A-%a.log")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ("sbatch", "--parsable", *options, "slurm/study.sbatch", study)
    return int(run(*command, cwd=REPOSITORY, env={**os.environ, "PATH": path}))


def finished(study: Path) -> list[str]:
    return [cell.name for cell in make_cells(load_study(study)) if is_finished(cell)]


def states(job: int) -> set[str]:
    return set(run("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T").split())


@pytest.fixture(scope="module")
def arrayed(study):
    """The array has run, its last task signalled and requeued; number of the array."""
    job = submit_array(study)
    last = make_cells(load_study(study))[2]
    wait_until(last.log.exists, "the last cell runs", 120)
    run("scancel", "--batch", "--signal=USR1", f"{job}_2")
    wait_until(lambda: "Restarts=1 " in run("scontrol", "show", "job", f"{job}_2"), "the last cell is requeued", 60)
    wait_until(lambda: states(job) == {"COMPLETED"}, "the array ends", 500)
    return job


def test_the_cells_of_an_array_are_finished_and_only_the_signalled_one_was_requeued(study, arrayed):
    assert finished(study) == ["full-12-0", "full-24-0"]
    starts = {cell: (study.parent / f"{arrayed}-{cell}.log").read_text().count("--- job ") for cell in (0, 2)}
    assert starts == {0: 1, 2: 2}


def test_the_same_array_again_ends_at_once(study, arrayed):
    before = {path: path.stat().st_mtime_ns for path in (study.parent / "study").rglob("*")}
    job = submit_array(study)
    wait_until(lambda: states(job) == {"COMPLETED"}, "the array ends", 60)
    assert {path: path.stat().st_mtime_ns for path in (study.parent / "study").rglob("*")} == before


def test_what_is_left_is_submitted_and_the_page_shows_all(study, arrayed):
    done = srdist("study", study, "--submit")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    job, name, log = line.split()
    assert name == "one-title-12-0"
    assert "jobs of this run are waiting or running" in srdist("study", study, "--submit").stderr
    assert wait_for_end(int(job)) == "COMPLETED", Path(log).read_text()
    assert "one-title-12-0 job" in srdist("status", study.parent / "study").stdout
    assert srdist("study", study, "--submit").stdout == ""
    done = srdist("study", study)
    assert done.returncode == 0, done.stderr
    assert "Not finished" not in Path(done.stdout.strip()).read_text()
