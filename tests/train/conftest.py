"""Trainings that several tests look at, each done once."""

import os

import pytest

from tests.train.ranks import SHIPPED, start_command, train_ranks
from tests.train.tiny_run import make_base, make_run


@pytest.fixture(scope="session", autouse=True)
def one_thread_per_rank():
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)


@pytest.fixture(scope="session")
def trainings(tmp_path_factory):
    return tmp_path_factory.mktemp("trainings")


@pytest.fixture(scope="session")
def base(trainings):
    return make_base(trainings / "base")


@pytest.fixture(scope="session")
def one_rank(trainings, base):
    """A training by one rank, 8 rows accumulated to a step, gradients checkpointed, started without a launcher."""
    return train_ranks(make_run(trainings / "one", base, rows_per_step=8), 1)


@pytest.fixture(scope="session")
def two_ranks(trainings, base):
    """A training by two ranks, 3 rows to a step (one is idle every other time), with the shipped DeepSpeed file."""
    config = make_run(trainings / "two", base, deepspeed=SHIPPED, gradient_checkpointing=False, processes=2)
    assert start_command("torchrun", config).wait() == 0
    return config
