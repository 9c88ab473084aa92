"""Which GPU a rank has. What rank 0 does alone is waited for, and its failure ends the training."""

import os
import time
from datetime import timedelta

import pytest

from srdist.cluster.rendezvous import free_port
from srdist.train.device import Rank, done_by_first
from tests.train.ranks import end_ranks, fork

PATIENCE = 3


def take_part(number, port, folder, fails):
    """Be one of two ranks that give up after `PATIENCE` seconds without a word; write down what was returned."""
    import torch.distributed

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(number), "WORLD_SIZE": "2"}
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=PATIENCE))

    def work():
        if fails:
            raise OSError("no space left")
        time.sleep(2 * PATIENCE)
        return "found"

    value = done_by_first(work, Rank(number, 2, number))
    (folder / str(number)).write_text(repr(value))


def ended(folder, fails):
    port = free_port()
    return end_ranks([fork(take_part, number, port, folder, fails) for number in range(2)])


@pytest.mark.slow
def test_the_others_wait_longer_than_they_would_without_a_word(tmp_path):
    assert ended(tmp_path, fails=False) == [0, 0]
    assert [(tmp_path / str(number)).read_text() for number in range(2)] == ["'found'", "None"]


@pytest.mark.slow
def test_a_failure_of_the_first_lets_no_other_go_on(tmp_path):
    assert ended(tmp_path, fails=True)[0] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("seen", "gpu"), [(8, 5), (1, 0)])
def test_a_rank_that_is_bound_to_one_gpu_has_that(monkeypatch, seen, gpu):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    assert Rank(5, 8, 5).device == torch.device("cuda", gpu)
