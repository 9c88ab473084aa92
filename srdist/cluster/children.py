"""Processes that this one starts: they end when it is killed, and hear of the signals that it gets."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have this process, a child, get a signal when its parent ends; a Popen's `preexec_fn`, for example."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, number)


@contextmanager
def signals_passed_on(children: Sequence[subprocess.Popen], numbers: Sequence[int]) -> Iterator[list[int]]:
    """Tell the children to stop, by SIGTERM, when one of some signals comes; the value lists those that came.

    In a thread that is not the main one nothing is passed on: it gets no signals.
    """
    came: list[int] = []

    def pass_on(number: int, _: object) -> None:
        came.append(number)
        for child in children:
            child.send_signal(signal.SIGTERM)

    try:
        before = {number: signal.signal(number, pass_on) for number in numbers}
    except ValueError:
        before = {}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
