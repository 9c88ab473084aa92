"""Validation in flight: the training never feels it, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from srdist.config.load import save_config
from srdist.config.validation import ValidationConfig
from srdist.errors import REQUEUE, UserError
from srdist.storage.manifest import Manifest, write_manifest
from srdist.train import validation
from srdist.train.device import Rank
from srdist.train.plan import make_plan
from srdist.train.stage import train
from tests.tiny_run import digests
from tests.train.ranks import train_ranks
from tests.train.tiny_run import make_base, make_run, write_mixture

TRAIN = "import sys; from srdist.config import load_config; from srdist.train.stage import train; "
TRAIN += "train(load_config(sys.argv[1]))"


class Stop:
    def __init__(self, requested=False):
        self.requested = requested


@pytest.mark.parametrize(
    ("program", "seconds", "requested", "message"),
    [
        ("srdist.no_such_module", 60, False, "ended with code 1: .*No module named"),
        ("this", 0.0, False, "longer than 0 minutes"),
        ("this", 60, True, "told to stop"),
    ],
)
def test_a_retrieval_that_fails_says_why(tmp_path, monkeypatch, program, seconds, requested, message):
    monkeypatch.setattr(validation, "PROGRAM", program)
    with pytest.raises(UserError, match=message):
        validation.run_program(tmp_path, 3, seconds, Stop(requested))


def run_with_held_out(folder, base, **settings):
    config = make_run(folder, base)
    write_mixture(folder / "mixture" / "held_out" / "epoch-0", 20, seed=5)
    write_manifest(folder, Manifest("prepare", settings={}, inputs={}), ["mixture"])
    mixture = config.mixture.model_copy(update={"held_out_queries": 20})
    training = config.train.model_copy(update={"validation": ValidationConfig(**settings)})
    return config.model_copy(update={"mixture": mixture, "train": training})


def records(config):
    return [json.loads(line) for line in (config.run_dir / validation.RECORDS).read_text().splitlines()]


def wait_for(condition, process):
    end = time.monotonic() + 240
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_the_model_is_the_same_with_validation_interrupted_and_failing(tmp_path, monkeypatch):
    """The trie is empty, so that every retrieval fails; the training is stopped and started again in between."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    base = make_base(tmp_path / "base")
    undisturbed = run_with_held_out(tmp_path / "undisturbed", base)
    train(undisturbed)
    assert not (undisturbed.run_dir / validation.RECORDS).exists()

    validated = run_with_held_out(tmp_path / "validated", base, loss_steps=4, retrieval_steps=12)
    (validated.run_dir / "trie").mkdir()
    save_config(validated, tmp_path / "validated.yaml")
    process = subprocess.Popen([sys.executable, "-c", TRAIN, tmp_path / "validated.yaml"], env=os.environ)
    path = validated.run_dir / validation.RECORDS
    wait_for(lambda: path.exists() and len(path.read_text().splitlines()) >= 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == REQUEUE
    facts = train(validated).counts

    assert digests(validated.run_dir, "model") == digests(undisturbed.run_dir, "model")
    found = records(validated)
    steps = facts["steps"]
    assert [record["step"] for record in found] == sorted({*range(0, steps, 4), steps})
    losses = [record["loss"] for record in found if "loss" in record]
    assert len(losses) == len(found) and losses[-1] < losses[0]
    assert [record["step"] for record in found if "error" in record] == [*range(12, steps, 12), steps]
    assert "the process ended with code" in found[-1]["error"]
    assert not (validated.run_dir / validation.FOLDER).exists()


@pytest.mark.slow
def test_two_ranks_go_on_after_a_retrieval_that_failed(tmp_path):
    config = run_with_held_out(tmp_path / "run", make_base(tmp_path / "base"), retrieval_steps=12)
    (config.run_dir / "trie").mkdir()
    train_ranks(config, 2)
    found = records(config)
    assert [record["step"] for record in found] == [12, make_plan(config).steps]
    assert all("the process ended with code" in record["error"] for record in found)
    assert not (config.run_dir / validation.FOLDER).exists()


def test_a_retrieval_needs_the_trie(tmp_path):
    config = run_with_held_out(tmp_path / "run", "/base", retrieval_steps=2)
    with pytest.raises(UserError, match="validation retrieves with the trie"):
        validation.Validation(config, Rank(0, 1, 0), None, 0, 10)
