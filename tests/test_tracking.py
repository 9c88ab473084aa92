import json
import time

import pytest

from srdist.tracking import Tracker, run_id
from tests.train.tiny_run import make_config

STAGE = "train"


def config(folder, mode):
    found = make_config(folder, "/base", folder / "deepspeed.json")
    return found.model_copy(update={"tracking": found.tracking.model_copy(update={"wandb": mode})})


def records(path):
    """Read a run's file back: LevelDB's log format, blocks of 32 KB after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, pieces = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        pieces += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last piece of one
            yield Record.FromString(pieces)
            pieces = b""


def finished_records(path):
    """Return the records once W&B's own process, which may lag behind, has written the last one."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = list(records(path))
        if found and found[-1].HasField("exit"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} is not finished")


def test_disabled_tracking_writes_nothing(tmp_path):
    tracker = Tracker(config(tmp_path, "disabled"), STAGE)
    tracker.log({"step": 1})
    tracker.close()
    assert list(tmp_path.iterdir()) == []


def test_the_id_follows_from_folder_and_stage(tmp_path):
    one = config(tmp_path, "offline")
    assert run_id(one, "train") == run_id(one, "train")
    assert len({run_id(one, "train"), run_id(one, "evaluate"), run_id(config(tmp_path / "b", "offline"), "train")}) == 3


@pytest.mark.slow
def test_an_offline_run_can_be_read_back(tmp_path, capfd):
    settings = config(tmp_path, "offline")
    tracker = Tracker(settings, STAGE)
    for step in (3, 4):
        tracker.log({"step": step, "loss": 1 / step, "phase": "indexing"})
    tracker.close()
    (path,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    assert path.name == f"run-{run_id(settings, STAGE)}.wandb"
    found = finished_records(path)
    run = next(record.run for record in found if record.HasField("run"))
    assert (run.run_id, run.run_group, run.job_type, run.project) == (
        run_id(settings, STAGE),
        "tiny",
        "train",
        "srdist",
    )
    logged = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert logged["train"]["learning_rate"] == 3e-3
    steps = [
        {key(item): json.loads(item.value_json) for item in r.history.item} for r in found if r.HasField("history")
    ]
    assert [(step["step"], step["loss"], step["phase"]) for step in steps] == [
        (3, 1 / 3, "indexing"),
        (4, 0.25, "indexing"),
    ]
    assert "step" in {record.metric.name for record in found if record.HasField("metric")}
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def key(item):
    return item.key or ".".join(item.nested_key)
