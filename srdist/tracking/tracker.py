"""What every backend can do, and which one a config asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from srdist.config.schema import Config
from srdist.tracking.lineage import Artifact


class Tracker(Protocol):
    """One stage of one run; only the first rank has one."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Log a record at its `step` or `validation/step`; one that an earlier job has logged is left out."""

    def summarize(self, figures: Mapping[str, Any], used: Sequence[Artifact], made: Sequence[Artifact]) -> None:
        """Log the figures of the finished stage, what it read and what it wrote."""

    def close(self) -> bool:
        """Finish the run; tell whether the backend has all that was logged."""


class OwnFiles:
    """The backend `jsonl`: records and figures are in the run's own files already."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Do nothing: metrics.jsonl and validation.jsonl have it."""

    def summarize(self, figures: Mapping[str, Any], used: Sequence[Artifact], made: Sequence[Artifact]) -> None:
        """Do nothing: the manifest has it."""

    def close(self) -> bool:
        """Do nothing."""
        return True


def open_tracker(config: Config, stage: str) -> Tracker:
    """Open the backend that `tracking.backend` names, at the end of what earlier jobs of this stage logged.

    Raises:
        UserError: the backend cannot start: W&B online without a login, TensorBoard not installed.
    """
    if config.tracking.backend == "wandb":
        from srdist.tracking.wandb_run import WandbRun

        return WandbRun(config, stage)
    if config.tracking.backend == "tensorboard":
        from srdist.tracking.tensorboard_run import TensorboardRun

        return TensorboardRun(config, stage)
    return OwnFiles()
