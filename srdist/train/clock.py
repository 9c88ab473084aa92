"""Where the time of a step goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PARTS = ("data", "forward", "backward", "step")


class StepClock:
    """Adds up the seconds of each part of the steps.

    A GPU works while the process goes on: there the parts lie between events in its stream, which are read when
    somebody asks, so that the clock itself never waits.
    """

    def __init__(self, device: torch.device):
        self._on_gpu = device.type == "cuda"
        self._marks: list[tuple[str, Any, Any]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time as the part `name`."""
        begin = self._now()
        yield
        self._marks.append((name, begin, self._now()))

    def take(self) -> dict[str, float]:
        """Return the seconds of each part since the last call; a GPU must have finished them."""
        seconds: dict[str, float] = defaultdict(float)
        for name, begin, end in self._marks:
            seconds[name] += begin.elapsed_time(end) / 1000 if self._on_gpu else end - begin
        self._marks.clear()
        return dict(seconds)

    def _now(self) -> Any:
        if not self._on_gpu:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
