"""What `srdist status` and `cancel` know."""

import json

import pytest

from srdist.cluster.jobs import Job, write_jobs
from srdist.cluster.status import cancel, job_statuses, last_record, stage_states
from srdist.cluster.submit import submit
from tests.cluster.slurm_stub import write_finished
from tests.cluster.test_submit import STAGES


@pytest.fixture
def submitted(config, slurm):
    """A run whose training failed."""
    submit(config, STAGES)
    for job in (101, 102):
        slurm.set(job, "COMPLETED", Reason="None", NodeList="c1")
    slurm.set(103, "FAILED", Reason="NonZeroExitCode", ExitCode="2:0", Restarts=4, NodeList="g[1-2]")
    slurm.set(104, "CANCELLED", Reason="DependencyNeverSatisfied", NodeList="(null)")
    return config


def test_a_failed_job_shows_the_mistake_of_its_rank_and_cancels_what_follows(submitted):
    logs = submitted.run_dir / "slurm/logs"
    (logs / "train-103.log").write_text(
        "--- job 103 (tiny-train), start 1\nerror: an old one\n--- job 103 (tiny-train), start 2\n"
        "srun: error: g2: task 1: Exited with exit code 2\nerror: ended with code 143; logs: here\n"
    )
    (logs / "train-103-rank1.log").write_text("Loading\nUserError: no GPU memory is left -- use more nodes\n")
    prepare, _, train, evaluate = job_statuses(submitted.run_dir)
    assert (prepare.state.state, prepare.state.nodes, prepare.said) == ("COMPLETED", "c1", "")
    assert (train.state.restarts, train.state.reason) == (4, "exit code 2")
    assert train.said == "no GPU memory is left -- use more nodes"
    assert train.tail[-1] == "error: ended with code 143; logs: here"
    assert evaluate.said == "not started, because train (job 103) did not succeed"
    assert evaluate.state.nodes == ""


def test_the_rank_that_failed_is_believed_and_not_those_that_lost_it(submitted):
    logs = submitted.run_dir / "slurm/logs"
    said = {
        0: "[rank0]: OSError: of the start before\n--- job 103, start\n[rank0]: torch.OutOfMemoryError: too big",
        1: "--- job 103, start\n[rank1]: torch.distributed.DistBackendError: NCCL error: Connection closed by peer",
    }
    for rank, text in said.items():
        (logs / f"train-103-rank{rank}.log").write_text(text + "\n")
    assert job_statuses(submitted.run_dir)[2].said == "too big"


def test_what_ended_the_command_line_is_the_reason(submitted):
    log = submitted.run_dir / "slurm/logs/train-103.log"
    said = "OSError: no space left -- `srdist --debug ...` shows where"
    log.write_text(f"--- job 103 (tiny-train), start 1\nfailed: {said}\n")
    assert job_statuses(submitted.run_dir)[2].said == said


def test_a_failed_job_without_any_log(submitted):
    train = job_statuses(submitted.run_dir)[2]
    assert (train.said, train.tail) == ("", ())


def test_a_job_that_slurm_has_forgotten_is_known_by_its_stages(submitted, slurm):
    for job in (101, 103):
        slurm.forget(job)
    write_finished(submitted.run_dir, "prepare", {})
    states = [item.state.state for item in job_statuses(submitted.run_dir)]
    assert states == ["COMPLETED", "COMPLETED", "UNKNOWN", "CANCELLED"]


def test_a_cell_that_slurm_has_forgotten_is_known_by_its_own_stages(tmp_path, slurm):
    names = ("full-10-0", "short-10-0", "full-20-0")
    write_jobs(tmp_path / "slurm", [Job(name, 1, ("report",), str(tmp_path / "log")) for name in names])
    for name in names[:2]:
        write_finished(tmp_path / "cells" / name, "report", {})
    statuses = job_statuses(tmp_path)
    assert [item.state.state for item in statuses] == ["COMPLETED", "COMPLETED", "UNKNOWN"]
    assert not any(item.said for item in statuses)


def test_stages_are_done_begun_or_to_do(config):
    write_finished(config.run_dir, "prepare", {})
    write_finished(config.run_dir, ".index.pending", {})
    assert stage_states(config.run_dir, STAGES[:3]) == {"prepare": "done", "index": "begun", "train": "to do"}


@pytest.mark.parametrize("length", [300, 10_000])
def test_the_last_whole_record_counts(config, length):
    assert last_record(config.run_dir) is None
    path = config.run_dir / "train/metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(
        "".join(json.dumps({"step": step, "filler": "x" * length}) + "\n" for step in range(50)) + '{"step":'
    )
    assert last_record(config.run_dir)["step"] == 49


def test_cancel_ends_what_is_live(config, slurm):
    submit(config, STAGES)
    slurm.set(101, "COMPLETED")
    slurm.set(102, "RUNNING")
    assert [job.name for job in cancel(config.run_dir)] == ["evaluate", "train", "index"]
    assert slurm.called("scancel") == ["scancel 104 103 102"]
    assert cancel(config.run_dir) == []
