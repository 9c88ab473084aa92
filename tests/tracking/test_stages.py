"""A finished stage is told to the backend once, and again where the backend did not hear it."""

import pytest

from srdist.storage.manifest import Manifest, write_manifest
from srdist.tracking import stages
from tests.tracking.test_wandb import config


class Backend:
    def __init__(self, hears: bool):
        self.hears, self.figures = hears, []

    def summarize(self, figures, used, made):
        self.figures.append(figures["passages"])

    def close(self):
        return self.hears


@pytest.mark.parametrize(("hears", "told"), [(True, [7]), (False, [7, 7])])
def test_what_the_backend_did_not_hear_is_told_again(tmp_path, monkeypatch, hears, told):
    settings, backend = config(tmp_path), Backend(hears)
    monkeypatch.setattr(stages, "open_tracker", lambda *_: backend)
    (tmp_path / "mixture").mkdir()
    (tmp_path / "mixture" / "part.bin").write_bytes(b"x")
    manifest = Manifest("prepare", {}, {}, counts={"passages": 7})
    write_manifest(settings.run_dir, manifest, ["mixture"])
    for _ in range(2):
        stages.track_stage(settings, manifest)
    assert backend.figures == told
