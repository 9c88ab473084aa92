import time

import pytest
import torch

from srdist.train.clock import StepClock


def test_parts_add_up_until_they_are_taken(monkeypatch):
    now = iter([10.0, 10.5, 20.0, 20.25, 30.0, 30.125])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = StepClock(torch.device("cpu"))
    for name in ("forward", "forward", "data"):
        with clock.part(name):
            pass
    assert clock.take() == {"forward": 0.75, "data": 0.125}
    assert clock.take() == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_work_is_timed_and_not_its_launch():
    clock, matrix = StepClock(torch.device("cuda")), torch.rand(4096, 4096, device="cuda")
    with clock.part("forward"):
        for _ in range(20):
            matrix = matrix @ matrix
    torch.cuda.synchronize()
    assert clock.take()["forward"] > 0.001
