"""metrics.jsonl: one record per `train.log_steps` steps, each step counted once whatever happens."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from srdist.errors import UserError
from srdist.storage.tables import TASKS


class Meter:
    """Adds up losses and tokens between two records, and over the whole training.

    Its `state` goes into every checkpoint, so that a resumed training writes the same losses.
    """

    def __init__(self) -> None:
        self.sums, self.counts = np.zeros(len(TASKS)), np.zeros(len(TASKS), dtype=np.int64)
        self.interval_tokens = self.tokens = 0
        self.interval_seconds = self.seconds = 0.0
        self._since = time.monotonic()

    def add(self, sums: np.ndarray, trained: np.ndarray, tokens: int, step: int) -> None:
        """Count a step.

        Args:
            sums: [tasks] summed cross entropies over all ranks.
            trained: [tasks] trained tokens over all ranks.
            tokens: tokens of the step, trained or not.

        Raises:
            UserError: the loss is not a finite number.
        """
        if not math.isfinite(sums.sum()):
            raise UserError(f"the loss of step {step} is not a finite number", cure="lower train.learning_rate")
        self.sums, self.counts = self.sums + sums, self.counts + trained
        self.interval_tokens += tokens
        self.tokens += tokens
        now = time.monotonic()
        self.interval_seconds, self.seconds = (
            self.interval_seconds + now - self._since,
            self.seconds + now - self._since,
        )
        self._since = now

    def pause(self) -> None:
        """Leave the time since the last step (a checkpoint's) out of the tokens per second."""
        self.seconds += time.monotonic() - self._since
        self._since = time.monotonic()

    def record(self) -> dict[str, Any]:
        """Return the losses and speeds since the last record, and begin a new one."""
        trained = int(self.counts.sum())
        losses = {
            f"loss_{task}": float(total / count)
            for task, total, count in zip(TASKS, self.sums, self.counts, strict=True)
            if count
        }
        record = {
            "loss": float(self.sums.sum() / trained),
            **losses,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "tokens_per_second": round(self.interval_tokens / self.interval_seconds, 2),
            "trained_tokens_per_second": round(trained / self.interval_seconds, 2),
        }
        self.sums, self.counts = np.zeros(len(TASKS)), np.zeros(len(TASKS), dtype=np.int64)
        self.interval_tokens, self.interval_seconds = 0, 0.0
        return record

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        values = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return values | {"sums": self.sums.tolist(), "counts": self.counts.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        vars(self).update(state)
        self.sums, self.counts = np.array(self.sums), np.array(self.counts, dtype=np.int64)
        self._since = time.monotonic()


class MetricsFile:
    """The growing file of records.

    Args:
        path: the file.
        size: bytes that belong to the checkpoint that training goes on from; what follows is removed.
    """

    def __init__(self, path: Path, size: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "ab")
        self._file.truncate(size)

    def write(self, record: dict[str, Any]) -> None:
        """Append a record as one line."""
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def synced_size(self) -> int:
        """Force the records to disk; return the file's size in bytes."""
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()
