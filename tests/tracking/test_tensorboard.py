"""TensorBoard's events, read back."""

import pytest

from srdist.errors import UserError
from srdist.tracking import open_tracker
from tests.tracking.test_wandb import config, logged

pytest.importorskip("tensorboard")


def points(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.slow
def test_a_resumed_job_goes_on_without_gap_or_repetition(tmp_path):
    settings = config(tmp_path, "tensorboard")
    logged(settings, "train", [{"step": step, "loss": float(step), "phase": "a"} for step in (1, 2, 3)])
    logged(settings, "train", [{"step": 3, "loss": 3.0}, {"step": 4, "loss": 4.0}])
    assert points(tmp_path / "tensorboard" / "train") == {"loss": [(step, float(step)) for step in (1, 2, 3, 4)]}


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="TensorBoard is not installed"):
        open_tracker(config(tmp_path, "tensorboard"), "train")
