import time

import pytest
import torch

from srdist.train.clock import StepClock


def test_parts_add_up_until_they_are_taken():
    clock = StepClock(torch.device("cpu"))
    for _ in range(2):
        with clock.part("forward"):
            time.sleep(0.02)
    with clock.part("data"):
        pass
    seconds = clock.take()
    assert list(seconds) == ["forward", "data"]
    assert seconds["forward"] >= 0.04 > seconds["data"]
    assert clock.take() == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_work_is_timed_and_not_its_launch():
    clock, matrix = StepClock(torch.device("cuda")), torch.rand(4096, 4096, device="cuda")
    with clock.part("forward"):
        for _ in range(20):
            matrix = matrix @ matrix
    torch.cuda.synchronize()
    assert clock.take()["forward"] > 0.001
