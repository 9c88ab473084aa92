import json

import numpy as np
import pytest

from srdist.errors import UserError
from srdist.train.metrics import Meter, MetricsFile

STEPS = [(np.array([6.0, 0, 2, 0]), np.array([3, 0, 1, 0])), (np.array([1.0, 4, 0, 0]), np.array([1, 4, 0, 0]))]


def losses(record):
    return {name: value for name, value in record.items() if name.startswith("loss")}


def test_losses_are_per_trained_token_of_the_interval():
    meter = Meter()
    for step, (sums, trained) in enumerate(STEPS):
        meter.add(sums, trained, tokens=10, step=step)
    record = meter.record()
    assert losses(record) == {"loss": 13 / 9, "loss_indexing": 7 / 4, "loss_retrieval": 1.0, "loss_positive": 2.0}
    assert record["tokens"] == 20
    meter.add(*STEPS[0], tokens=10, step=2)
    record = meter.record()
    assert record["loss"] == 2.0
    assert record["tokens"] == 30


def test_a_checkpoint_within_an_interval_loses_nothing():
    before, after = Meter(), Meter()
    before.add(*STEPS[0], tokens=10, step=1)
    after.restore(json.loads(json.dumps(before.state)))
    for meter in (before, after):
        meter.add(*STEPS[1], tokens=10, step=2)
    assert losses(before.record()) == losses(after.record())
    assert after.tokens == 20


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(UserError, match="loss of step 7 is not a finite number"):
        Meter().add(np.array([np.nan, 0, 0, 0]), np.array([1, 0, 0, 0]), tokens=1, step=7)


def test_records_after_the_checkpoint_are_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, 0)
    file.write({"step": 1})
    size = file.synced_size()
    file.write({"step": 2})
    file.close()
    file = MetricsFile(path, size)
    file.write({"step": 2})
    file.close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]
