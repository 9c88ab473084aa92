from pathlib import Path
from types import SimpleNamespace

import pytest

from srdist.train import loop
from srdist.train.checkpoint import Checkpoint
from srdist.train.device import Rank
from tests.train.tiny_run import make_config


class Begun(Exception):
    """The journal is about to be opened."""


@pytest.mark.parametrize(
    ("checkpoint", "dtype"),
    [(None, "float32"), (Checkpoint(Path(), 3, 2, True, "bfloat16", {}), "bfloat16")],
)
def test_the_first_rank_decides_the_type_of_the_weights_and_a_checkpoint_keeps_it(
    monkeypatch, tmp_path, checkpoint, dtype
):
    made = []

    def make_engine(config, *_, **__):
        made.append(config.model.dtype)
        return SimpleNamespace(module=None)

    def open_journal(config, *_):
        raise Begun(config.model.dtype)

    monkeypatch.setattr(loop, "make_plan", lambda _: None)
    monkeypatch.setattr(loop, "newest_checkpoint", lambda *_: checkpoint)
    monkeypatch.setattr(loop, "weights_dtype", lambda dtype, device: f"{dtype} on {device}")
    monkeypatch.setattr(loop, "gather_objects", lambda own, _: ["float32", own])
    monkeypatch.setattr(loop, "make_engine", make_engine)
    monkeypatch.setattr(loop, "load_checkpoint", lambda *_: None)
    monkeypatch.setattr(loop, "model_size", lambda _: None)
    monkeypatch.setattr(loop, "Journal", open_journal)
    config = make_config(tmp_path, "/base", tmp_path / "deepspeed.json").with_dtype("auto")
    with pytest.raises(Begun, match="^auto$"):  # the tracker's run is that of the stage
        loop.train_rank(config, Rank(1, 2, 1))
    assert made == [dtype]
