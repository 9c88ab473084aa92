"""What is killed, stopped, damaged or refused by the disk goes on to the same bytes.

`SRDIST_KILLS=10` kills a training at ten random steps instead of three (18 at most).
"""

import os
import random
import shutil
import signal
import time

import pytest

from srdist.train.checkpoint import _remove_others, checkpoints
from srdist.train.plan import make_plan
from tests.train.ranks import (
    SHIPPED,
    end_ranks,
    kill,
    log_of,
    losses,
    records,
    start_command,
    start_ranks,
    stop_ranks,
    train_ranks,
    wait_for_steps,
    weights,
)
from tests.train.tiny_run import make_run

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("SRDIST_KILLS", "3"))


@pytest.fixture(scope="module")
def stopped(trainings, base):
    """The training `two_ranks`, of which rank 1 got SIGUSR1 after 6 steps; it has two checkpoints."""
    config = make_run(trainings / "stopped", base, deepspeed=SHIPPED, gradient_checkpointing=False, processes=2)
    stop_ranks(config, 2, 6)
    return config


@pytest.fixture
def again(stopped, tmp_path):
    """A copy of it."""
    shutil.copytree(stopped.run_dir, tmp_path / "again [1e-5]")
    return stopped.model_copy(update={"output": tmp_path / "again [1e-5]"})


def found(config):
    return [path.name for path in checkpoints(config.run_dir / "checkpoints")]


def test_a_stop_signal_to_one_rank_saves_within_the_step_and_keeps_the_last_checkpoints(stopped):
    steps = len(records(stopped))
    assert 6 <= steps < make_plan(stopped).steps
    kept = sorted({*range(4, steps + 1, 4), steps})[-2:]
    assert found(stopped) == [f"step-{step:06d}" for step in kept]
    assert not list((stopped.run_dir / "checkpoints").glob("*.aside"))


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(again, two_ranks):
    newest = again.run_dir / "checkpoints" / found(again)[-1]
    damaged = next(newest.rglob("*optim_states.pt"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    train_ranks(again, 2)
    assert f"checkpoint {newest} is damaged (engine/{damaged.name}) and not used" in log_of(again).read_text()
    assert records(again) == records(two_ranks)
    assert weights(again) == weights(two_ranks)


@pytest.mark.parametrize(("keep", "left"), [(1, [100]), (2, [50, 100]), (9, [1, 50, 100])])
def test_later_checkpoints_do_not_count_among_those_to_keep(tmp_path, keep, left):
    """They were damaged: training went on before them."""
    for step in (1, 50, 100, 200, 300):
        (tmp_path / f"step-{step:06d}").mkdir()
    _remove_others(tmp_path / "step-000100", keep)
    assert [path.name for path in checkpoints(tmp_path)] == [f"step-{step:06d}" for step in left]


def test_a_file_that_the_disk_refuses_leaves_the_checkpoint_before(again, two_ranks):
    before = found(again)
    codes = end_ranks(start_ranks(again, 2, largest_file=50_000))
    assert 2 in codes
    assert "UserError: " in log_of(again).read_text()
    assert "cannot write: torch could not write all of a file" in log_of(again).read_text()
    assert "goes on where it was" in log_of(again).read_text()
    assert found(again) == before
    train_ranks(again, 2)
    assert not list(again.run_dir.rglob("*.aside"))
    assert weights(again) == weights(two_ranks)


def test_killed_at_random_moments_it_ends_with_the_same_bytes(trainings, base, two_ranks):
    config = make_run(trainings / "killed", base, deepspeed=SHIPPED, gradient_checkpointing=False, processes=2)
    moments = random.Random(4)
    first, *others = sorted(moments.sample(range(1, 19), min(KILLS, 18)))
    launcher = start_command("train", config)
    wait_for_steps(config, first)
    launcher.send_signal(signal.SIGKILL)  # the ranks die with it
    launcher.wait()
    for steps in others:
        ranks = start_ranks(config, 2)
        wait_for_steps(config, steps, ranks)
        time.sleep(moments.random() / 2)
        kill(ranks)
    train_ranks(config, 2)
    assert records(config) == records(two_ranks)
    assert weights(config) == weights(two_ranks)


def test_killed_in_the_export_it_has_nothing_left_to_train(trainings, base, two_ranks):
    config = make_run(trainings / "exporting", base, deepspeed=SHIPPED, gradient_checkpointing=False, processes=2)
    steps = make_plan(config).steps
    (config.run_dir / "model.aside").write_text("in the way of the export")
    assert 2 in end_ranks(start_ranks(config, 2))
    assert found(config)[-1] == f"step-{steps:06d}"
    assert f"UserError: {config.run_dir / 'model.aside'}: cannot write: File exists" in log_of(config).read_text()
    (config.run_dir / "model.aside").unlink()
    train_ranks(config, 2)
    assert records(config) == records(two_ranks)
    assert weights(config) == weights(two_ranks)


def test_a_killed_conversion_is_done_again(again, two_ranks):
    ranks = start_ranks(again, 1)
    while not list((again.run_dir / "checkpoints").glob("*-converted.aside/engine/*")):
        assert ranks[0].is_alive()
        time.sleep(0.005)
    kill(ranks)
    train_ranks(again, 1)
    assert log_of(again).read_text().count("from 2 ranks to 1") == 2
    assert losses(again) == pytest.approx(losses(two_ranks), abs=5e-6)


def test_a_stop_signal_to_the_launcher_reaches_the_ranks(trainings, base):
    """Which has a checkpoint of every step, as its time is up after each."""
    config = make_run(trainings / "launched", base, processes=1, checkpoint_steps=0, checkpoint_minutes=1e-9)
    launcher = start_command("train", config)
    wait_for_steps(config, 3)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait() == 85
    steps = len(records(config))
    assert found(config) == [f"step-{step:06d}" for step in (steps - 1, steps)]
