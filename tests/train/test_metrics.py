import json

import numpy as np
import pytest

from srdist.errors import UserError
from srdist.storage.tables import TASKS
from srdist.train.flops import ModelSize
from srdist.train.metrics import Meter, MetricsFile
from srdist.train.plan import Work

PARTS = {"data": 0.1, "forward": 0.2, "backward": 0.4, "step": 0.3}


def by_task(**values):
    return np.array([values.get(task, 0) for task in TASKS])


STEPS = [
    (by_task(indexing=6.0, positive=2), Work(2, 10, 60, by_task(indexing=3, positive=1))),
    (by_task(indexing=1.0, retrieval=4), Work(1, 14, 90, by_task(indexing=1, retrieval=4))),
]


def counted(meter, *steps):
    for number, (sums, work) in enumerate(steps, start=1):
        meter.add(sums, work, PARTS, step=number)
    return meter


def losses(record):
    return {name: value for name, value in record.items() if name.startswith("loss")}


def test_losses_are_per_trained_token_of_the_interval():
    meter = counted(Meter(), *STEPS)
    record = meter.record(row_tokens=10)
    assert losses(record) == {"loss": 13 / 9, "loss_indexing": 7 / 4, "loss_retrieval": 1.0, "loss_positive": 2.0}
    assert record["tokens"] == 24
    record = counted(meter, STEPS[0]).record(row_tokens=10)
    assert record["loss"] == 2.0
    assert record["tokens"] == 34


def test_padding_is_the_empty_share_of_the_rows_of_the_interval():
    assert counted(Meter(), *STEPS).record(row_tokens=10)["padding_share"] == pytest.approx(1 - 24 / 30)


def test_the_parts_of_a_step_are_means_over_the_interval():
    record = counted(Meter(), *STEPS).record(row_tokens=10)
    assert {part: record[f"seconds_{part}"] for part in PARTS} == PARTS


def test_model_flops_utilization_is_the_share_of_the_peak():
    size, peak = ModelSize(body=100, head=20, attention=8), 1e6
    record = counted(Meter(size, peak), *STEPS).record(row_tokens=10)
    flops = 6 * (100 * 24 + 20 * 9 + 8 * 150)
    speed = record["tokens_per_second"] / 24
    assert record["model_flops_utilization"] == pytest.approx(flops * speed / peak, rel=1e-3, abs=1e-5)
    assert counted(Meter(size), *STEPS).record(row_tokens=10)["model_flops_utilization"] is None


def test_a_checkpoint_within_an_interval_loses_nothing():
    before, after = counted(Meter(), STEPS[0]), Meter()
    after.restore(json.loads(json.dumps(before.state)))
    one, other = (counted(meter, STEPS[1]).record(row_tokens=10) for meter in (before, after))
    assert losses(one) == losses(other)
    assert (one["tokens"], one["padding_share"]) == (other["tokens"], other["padding_share"])


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(UserError, match="loss of step 7 is not a finite number"):
        Meter().add(by_task(indexing=np.nan), STEPS[0][1], PARTS, step=7)


def test_records_after_the_checkpoint_are_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, 0)
    for step in range(1, 4):
        file.write({"step": step})
    file.close()
    with open(path, "a") as lines:
        lines.write('{"step": 4, "lo')  # cut off by a kill
    file = MetricsFile(path, 2)
    assert file.kept == [{"step": 1}, {"step": 2}]
    file.write({"step": 3})
    file.close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_a_file_that_was_removed_is_begun_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in range(100, 103):  # killed after each step, at a checkpoint of step 100
        file = MetricsFile(path, 100)
        assert file.kept == ([{"step": 100}] if step > 100 else [])
        file.write({"step": step})
        file.close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [100, 102]
