"""The progress bar of a training, read from metrics.jsonl as it grows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from srdist.progress import progress_bar
from srdist.storage.files import newest_record


class TrainingProgress:
    """Shows steps, loss, tokens per second and the time left while its block runs."""

    def __init__(self, metrics: Path):
        self._metrics = metrics
        self._bar = progress_bar()

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        self._task = self._bar.add_task("training", total=None, note="starting the ranks")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self) -> None:
        """Show the newest record."""
        record = newest_record(self._metrics)
        if record:
            seconds = record["seconds"] / record["step"] * (record["steps"] - record["step"])
            left = f"{timedelta(seconds=round(seconds))} left"
            speed = f"{record['tokens_per_second']:,.0f} tokens/s"
            note = f"{record['phase']}, loss {record['loss']:.4f}, {speed}, {left}"
            self._bar.update(self._task, completed=record["step"], total=record["steps"], note=note)
