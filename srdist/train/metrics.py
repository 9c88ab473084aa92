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
from srdist.train.clock import PARTS
from srdist.train.flops import ModelSize
from srdist.train.plan import Work
from srdist.train.records import forget_after


class Meter:
    """Adds up losses, tokens and times between two records, and over the whole training.

    Its `state` goes into every checkpoint, so that a resumed training writes the same losses.

    Args:
        size: of the model.
        peak: operations per second that all ranks together could do; None: unknown.
    """

    def __init__(self, size: ModelSize | None = None, peak: float | None = None) -> None:
        self._size, self._peak = size, peak
        self.tokens, self.seconds = 0, 0.0
        self._begin_interval()
        self._since = time.monotonic()

    def _begin_interval(self) -> None:
        self.sums, self.trained = np.zeros(len(TASKS)), np.zeros(len(TASKS), dtype=np.int64)
        self.interval = dict.fromkeys(("steps", "rows", "tokens", "flops", "seconds", *PARTS), 0)

    def add(self, sums: np.ndarray, work: Work, parts: dict[str, float], step: int) -> None:
        """Count a step.

        Args:
            sums: [tasks] summed cross entropies over all ranks.
            work: what the rows of the step hold.
            parts: seconds of data, forward, backward and step on this rank.

        Raises:
            UserError: the loss is not a finite number.
        """
        if not math.isfinite(sums.sum()):
            raise UserError(f"the loss of step {step} is not a finite number", cure="lower train.learning_rate")
        self.sums, self.trained = self.sums + sums, self.trained + work.trained
        self.tokens += work.tokens
        seconds = self._lap()
        flops = self._size.flops(work) if self._size else 0.0
        counted = {"steps": 1, "rows": work.rows, "tokens": work.tokens, "flops": flops, "seconds": seconds, **parts}
        for name, value in counted.items():
            self.interval[name] += value

    def pause(self) -> None:
        """Leave the time since the last step (a checkpoint's) out of the tokens per second."""
        self._lap()

    def _lap(self) -> float:
        """Return the seconds since the last call, which count into the whole training's."""
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        self.seconds += seconds
        return seconds

    def record(self, row_tokens: int) -> dict[str, Any]:
        """Return the losses and speeds since the last record, and begin a new one.

        `seconds_data`, `_forward`, `_backward` and `_step` are means per step on this rank; `padding_share` is the
        share of the rows' room of `row_tokens` that was empty; `model_flops_utilization` is None without a peak.
        """
        trained, interval = int(self.trained.sum()), self.interval
        seconds = interval["seconds"]
        record = {
            "loss": float(self.sums.sum() / trained),
            **self._losses(),
            "tokens": self.tokens,
            "padding_share": round(1 - interval["tokens"] / (interval["rows"] * row_tokens), 5),
            "seconds": round(self.seconds, 3),
            "tokens_per_second": round(interval["tokens"] / seconds, 2),
            "trained_tokens_per_second": round(trained / seconds, 2),
            **{f"seconds_{part}": round(interval[part] / interval["steps"], 5) for part in PARTS},
            "model_flops_utilization": round(interval["flops"] / seconds / self._peak, 5) if self._peak else None,
        }
        self._begin_interval()
        return record

    def _losses(self) -> dict[str, float]:
        counted = zip(TASKS, self.sums, self.trained, strict=True)
        return {f"loss_{task}": float(total / count) for task, total, count in counted if count}

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        values = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return values | {"sums": self.sums.tolist(), "trained": self.trained.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        vars(self).update(state)
        self.sums, self.trained = np.array(self.sums), np.array(self.trained, dtype=np.int64)
        self._since = time.monotonic()


class MetricsFile:
    """The growing file of records.

    Args:
        path: the file.
        done: steps of the checkpoint that training goes on from; later records are removed.

    Attributes:
        kept: the records that were there and were not removed.
    """

    def __init__(self, path: Path, done: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.kept = forget_after(path, done)
        self._file = open(path, "ab")

    def write(self, record: dict[str, Any]) -> None:
        """Append a record as one line."""
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """Force the records to disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
