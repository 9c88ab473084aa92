"""How long things take: the least of several repeats, what is compared by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor's seconds of this process, which other programs disturb little; on a GPU, the clock's."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    started = clock()
    work()
    return clock() - started


def least_seconds(works: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Time each piece of work by turns; return the least of each."""
    times = [[seconds(work) for work in works] for _ in range(repeats)]
    return [min(column) for column in zip(*times, strict=True)]
