"""A training that Slurm stops twice ends as if nobody had touched it."""

import shutil

import pytest

from srdist.cluster.slurm import job_state
from srdist.config import load_config
from srdist.storage.manifest import read_manifest
from srdist.tracking.wandb_files import read_history, run_files
from srdist.tracking.wandb_run import run_id
from tests.slurm.local_slurm import run, srdist, wait_until
from tests.slurm.runs import logs, make_run, metrics, submit, wait_for_end

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
RANKS = 2


@pytest.fixture(scope="module")
def config(finished, tmp_path_factory):
    """The prepared and indexed corpus of the finished run, to be trained in more steps."""
    train = {"rows_per_step": RANKS, "row_tokens": 128, "checkpoint_steps": 4, "checkpoint_minutes": 0}
    tracking = {"backend": "wandb"}
    path = make_run(tmp_path_factory.mktemp("requeue"), {"requeues": 2}, train=train, tracking=tracking)
    made_later = ("slurm", "wandb", "train*", "model", "retrieve*", "answer*", "baselines*", "evaluate*", "report*")
    shutil.copytree(finished[0].parent / "run", path.parent / "run", ignore=shutil.ignore_patterns(*made_later))
    return path


@pytest.fixture(scope="module")
def undisturbed(config):
    """The same training by as many ranks on one machine; the folder of the run."""
    run_dir = config.parent / "undisturbed"
    shutil.copytree(config.parent / "run", run_dir)
    changes = (f"output={run_dir}", f"train.processes={RANKS}", "tracking.backend=jsonl")
    done = srdist("train", config, *(word for change in changes for word in ("--set", change)))
    assert done.returncode == 0, done.stderr
    return run_dir


@pytest.fixture(scope="module")
def disturbed(config, undisturbed):
    """Signalled, and then robbed of a node; the number of the job that trained."""
    run_dir = config.parent / "run"
    jobs = submit(config)
    assert list(jobs) == ["train", "evaluate"]
    job = jobs["train"]
    run("scancel", jobs["evaluate"])
    steps = metrics(undisturbed)[-1]["steps"]

    def disturb(after: int, restarts: int, *command: object) -> int:
        wait_until(lambda: len(metrics(run_dir)) >= after, f"step {after} of {steps}", 120)
        run(*command)
        wait_until(lambda: job_state(job).restarts == restarts, "the job is requeued", 60)
        return len(metrics(run_dir))

    first = disturb(6, 1, "scancel", "--batch", "--signal=USR1", job)
    second = disturb(first + 6, 2, "scontrol", "update", "nodename=n1", "state=down", "reason=test")
    run("scontrol", "update", "nodename=n1", "state=resume")
    assert second < steps
    assert wait_for_end(job) == "COMPLETED", logs(run_dir)
    return job


def test_the_model_and_the_records_are_those_of_the_undisturbed(config, undisturbed, disturbed):
    run_dir, job = config.parent / "run", disturbed
    log = (run_dir / "slurm/logs" / f"train-{job}.log").read_text()
    assert "requeue 1 of 2" in log and ", start 3, " in log  # Slurm itself queues the job of a lost node again
    assert "exit code 1\n" not in log  # whatever the signal, the ranks save
    assert metrics(run_dir) == metrics(undisturbed)
    assert [record["step"] for record in metrics(run_dir)] == list(range(1, metrics(undisturbed)[-1]["steps"] + 1))
    for name in ("model.safetensors", "config.json"):
        assert (run_dir / "model" / name).read_bytes() == (undisturbed / "model" / name).read_bytes()
    read_manifest(run_dir, "train").verify(run_dir)
    assert "requeued 2 times" in srdist("status", run_dir).stdout


def test_wandb_shows_one_history(config, disturbed):
    settings = load_config(config)
    parts = run_files(settings.run_dir)
    assert parts == run_files(settings.run_dir, run_id(settings, "train"))
    assert len(parts) == 4  # of three starts, and of the finished stage
    rows = [row for part in parts for row in read_history(part)]
    steps = [(row["_step"] + 1, row["step"], row["loss"]) for row in rows]
    assert steps == [(record["step"], record["step"], record["loss"]) for record in metrics(settings.run_dir)]
