"""What a training tells its tracker when it goes on from a checkpoint."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from srdist.errors import UserError
from srdist.storage.tables import TASKS
from srdist.tracking.tracker import OwnFiles
from srdist.train import journal
from srdist.train.checkpoint import Checkpoint
from srdist.train.device import Rank
from srdist.train.journal import Journal, metrics_path
from srdist.train.metrics import Meter
from srdist.train.plan import Work
from tests.train.tiny_run import make_config


def test_what_a_killed_job_may_not_have_told_is_told_again(tmp_path, monkeypatch):
    config, told = make_config(tmp_path, "/base", tmp_path / "deepspeed.json"), []
    tracker = OwnFiles()
    tracker.log = told.append
    monkeypatch.setattr(journal, "open_tracker", lambda *_: tracker)
    lines = [json.dumps({"step": step}) + "\n" for step in range(1, 5)]
    metrics_path(tmp_path).parent.mkdir(parents=True)
    metrics_path(tmp_path).write_text("".join(lines))
    state = {"meter": Meter().state, "last": {}}
    Journal(config, Rank(0, 1, 0), None, None, Checkpoint(tmp_path, 3, 1, False, "float32", state))
    assert told == [{"step": 1}, {"step": 2}, {"step": 3}]


def test_a_gradient_that_is_not_finite_ends_the_training(tmp_path):
    config = make_config(tmp_path, "/base", tmp_path / "deepspeed.json")
    plan = SimpleNamespace(work=lambda _: Work(1, 1, 1, np.zeros(len(TASKS), np.int64)))
    journal = Journal(config, Rank(1, 2, 0), plan, None, None)
    with pytest.raises(UserError, match="the gradient of step 3 is not a finite number -- lower train.learning_rate"):
        journal.add(2, np.zeros(len(TASKS)), np.zeros(2), {}, 1e-3, float("inf"))
