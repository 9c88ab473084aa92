"""What a training tells while it runs: metrics.jsonl, W&B, and its facts at the end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.files import write_json
from srdist.tracking import open_tracker
from srdist.train.checkpoint import Checkpoint
from srdist.train.device import Rank
from srdist.train.flops import ModelSize, device_peak
from srdist.train.metrics import Meter, MetricsFile
from srdist.train.plan import Plan

STAGE = "train"


def metrics_path(run_dir: Path) -> Path:
    """Return the file of the records, one JSON object a line."""
    return run_dir / STAGE / "metrics.jsonl"


def facts_path(run_dir: Path) -> Path:
    """Return the file of the counts of a finished training."""
    return run_dir / STAGE / "facts.json"


class Journal:
    """Counts every step on every rank; rank 0 writes.

    Args:
        size: of the model, for its operations per step.
        checkpoint: the one that training goes on from; None at the beginning.
    """

    def __init__(self, config: Config, rank: Rank, plan: Plan, size: ModelSize, checkpoint: Checkpoint | None):
        peak = device_peak(config.train, rank)
        self.config, self.plan, self.meter = config, plan, Meter(size, peak and peak * rank.ranks)
        if checkpoint:
            self.meter.restore(checkpoint.state["meter"])
        self.last: dict[str, Any] = checkpoint.state["last"] if checkpoint else {}
        self._file = self.tracker = None
        if rank.is_first:
            self._file = MetricsFile(metrics_path(config.run_dir), checkpoint.step if checkpoint else 0)
            self.tracker = open_tracker(config, STAGE)
            for record in self._file.kept:  # a killed job may have lost what its tracker had not written yet
                self.tracker.log(record)

    def add(
        self, step: int, sums: np.ndarray, memory: np.ndarray, parts: dict[str, float], rate: float, norm: float
    ) -> None:
        """Count a step (from 0); write a record every `train.log_steps` steps and after the last.

        Args:
            sums: [tasks] cross entropies summed over all ranks.
            memory: [ranks] most memory of each rank so far, in GB.
            parts: seconds of data, forward, backward and step on this rank.
            norm: of the gradient before it was clipped.

        Raises:
            UserError: the loss or the gradient is not a finite number.
        """
        self.meter.add(sums, self.plan.work(step), parts, step + 1)
        if not math.isfinite(norm):  # DeepSpeed leaves out such a step, or spoils the weights by it
            raise UserError(f"the gradient of step {step + 1} is not a finite number", cure="lower train.learning_rate")
        if (step + 1) % self.config.train.log_steps and step + 1 < self.plan.steps:
            return
        epoch, _ = self.plan.locate(self.plan.step_rows(step)[-1])
        self.last = {
            "step": step + 1,
            "steps": self.plan.steps,
            "phase": self.config.mixture.phases[epoch.phase].name,
            "epoch": epoch.number + 1,
            **self.meter.record(self.plan.row_tokens),
            "learning_rate": rate,
            "gradient_norm": norm,
            "memory_gb": round(float(memory.max()), 3),
            "memory_gb_of_ranks": memory.round(3).tolist(),
        }
        if self._file and self.tracker:
            self._file.write(self.last)
            self.tracker.log(self.last)

    def pause(self) -> None:
        """Leave the time since the last step out of the tokens per second."""
        self.meter.pause()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; on rank 0 all records are on disk before."""
        if self._file:
            self._file.sync()
        return {"meter": self.meter.state, "last": self.last}

    def finish(self) -> dict[str, Any]:
        """Write the facts of the finished training and return them."""
        facts = {**self.plan.facts, "loss": self.last["loss"], "train_seconds": self.last["seconds"]}
        if self._file:
            self._file.sync()
            write_json(facts_path(self.config.run_dir), facts)
        self.close()
        return facts

    def close(self) -> None:
        """Close the files."""
        if self._file and self.tracker:
            self._file.close()
            self.tracker.close()
