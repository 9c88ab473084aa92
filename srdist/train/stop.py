"""Stopping a training by signal."""

from __future__ import annotations

import signal

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopRequest:
    """Remembers that one of the stop signals came, instead of dying of it.

    Attributes:
        requested: whether one came.
    """

    def __init__(self) -> None:
        self.requested = False
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, *_: object) -> None:
        self.requested = True
