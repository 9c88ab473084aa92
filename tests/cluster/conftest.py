"""A config to submit, and stand-ins for Slurm's commands."""

import os

import pytest

from srdist.config.schema import Config
from tests.cluster.slurm_stub import SlurmStub


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Slurm's commands as stand-ins on PATH."""
    stub = SlurmStub(tmp_path / "slurm-stub")
    monkeypatch.delenv("SRDIST_DATA", raising=False)
    monkeypatch.setenv("PATH", f"{stub.bin}{os.pathsep}{os.environ['PATH']}")
    return stub


@pytest.fixture
def config(tmp_path):
    return make_config(tmp_path)


def make_config(tmp_path, **slurm):
    return Config.model_validate(
        {
            "name": "tiny",
            "output": str(tmp_path / "run"),
            "corpus": {"documents": [{"format": "jsonl", "path": "documents.jsonl"}]},
            "model": {"base": "/base"},
            "train": {"deepspeed": "/deepspeed.json"},
            "cluster": {"slurm": slurm},
        }
    )
