"""What a piece of work takes of the processor and of memory: in this process and in Ray's workers below it."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")
SECONDS_BETWEEN_LOOKS = 0.2
TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Watches a block: `with Watch() as watch: ...`.

    Ray's own servers are not counted, nor what a worker does after the last look at it before it ends.

    Attributes:
        seconds: on the clock.
        driver_seconds: of the processor, by this process.
        worker_seconds: of the processor, by all workers.
        worker_peak_mb: most memory that one worker held at once, pages of mapped files included.
        worker_own_mb: most memory that one worker held at once of its own, as far as looks saw: without the pages of
            mapped files, which processes share and the kernel takes back when it needs room.
    """

    def __enter__(self) -> Watch:
        self._spent: dict[int, float] = {}
        self.worker_peak_mb = self.worker_own_mb = 0.0
        self._before = {worker: _seconds(worker) for worker in _workers()}
        for worker in self._before:
            _forget_peak(worker)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_now_and_then, daemon=True)
        self._started, self._own = time.monotonic(), time.process_time()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.seconds, self.driver_seconds = time.monotonic() - self._started, time.process_time() - self._own
        self._ended.set()
        self._thread.join()
        self._look()
        self.worker_seconds = sum(spent - self._before.get(worker, 0.0) for worker, spent in self._spent.items())

    def _look_now_and_then(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        for worker in _workers():
            with suppress(OSError, StopIteration):  # it has ended
                self._spent[worker] = _seconds(worker)
                self.worker_peak_mb = max(self.worker_peak_mb, _megabytes(worker, "VmHWM"))
                self.worker_own_mb = max(self.worker_own_mb, _megabytes(worker, "RssAnon"))


def _workers() -> list[int]:
    """Return the processes below this one that Ray has named after the task they do."""
    parents = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parents[int(folder.name)] = int(_stat(int(folder.name))[1])
    return [process for process in parents if _is_below(process, parents) and _command(process).startswith(b"ray::")]


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process in parents:
        process = parents[process]
        if process == os.getpid():
            return True
    return False


def _stat(process: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` after the name: state, parent, ..."""
    return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()


def _command(process: int) -> bytes:
    with suppress(OSError):
        return (PROC / str(process) / "cmdline").read_bytes()
    return b""


def _seconds(process: int) -> float:
    user, system = _stat(process)[11:13]
    return (int(user) + int(system)) / TICKS


def _megabytes(process: int, kind: str) -> float:
    lines = (PROC / str(process) / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:"))


def _forget_peak(process: int) -> None:
    with suppress(OSError):  # a kernel without it: the peak is that of the worker's whole life
        (PROC / str(process) / "clear_refs").write_text("5")
