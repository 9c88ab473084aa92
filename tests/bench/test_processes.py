"""A watch sees what Ray's workers take, and what this process takes."""

from __future__ import annotations

import os
import time

import pytest

from srdist.bench.processes import Watch
from srdist.cluster.ray import run_tasks

pytestmark = pytest.mark.slow


def _work(seconds: float, megabytes: int) -> tuple[int, float]:
    """Return the process, and the seconds of the processor that it has taken since it began."""
    held = bytearray(b"x") * (megabytes << 20)
    deadline = time.process_time() + seconds
    while time.process_time() < deadline:
        pass
    assert len(held) == megabytes << 20
    return os.getpid(), time.process_time()


def test_seconds_and_peak_of_a_worker(ray_of_the_session: None) -> None:
    list(run_tasks(_work, [(0.0, 0)] * 4))
    with Watch() as small:
        list(run_tasks(_work, [(0.0, 0)] * 4))
    with Watch() as large:
        taken = dict(sorted(spent for _, spent in run_tasks(_work, [(0.6, 300)] * 2)))
    with Watch() as after:
        list(run_tasks(_work, [(0.0, 0)] * 4))
    assert small.worker_seconds < 0.5
    assert 1.2 <= large.worker_seconds < sum(taken.values()) + 2  # a worker that has nothing to do may begin, too
    assert large.worker_peak_mb > small.worker_peak_mb + 290
    assert large.worker_peak_mb > large.worker_own_mb > small.worker_own_mb + 290
    assert after.worker_peak_mb < large.worker_peak_mb - 250  # a watch begins with what a worker holds then
    assert large.driver_seconds < large.seconds + 1
