"""TensorBoard: one folder of events per stage, `<run>/tensorboard/<stage>/`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.tracking.lineage import Artifact
from srdist.tracking.origin import origin
from srdist.tracking.steps import axis

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorboardRun:
    """Writes a stage's events; raises UserError where TensorBoard is not installed."""

    def __init__(self, config: Config, stage: str):
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: F401
        except ImportError:
            cure = "pip install srdist[tensorboard], or set tracking.backend"
            raise UserError("TensorBoard is not installed", cure=cure) from None
        self._config = config
        self._folder = config.run_dir / "tensorboard" / stage
        self._writer: SummaryWriter | None = None

    def log(self, record: Mapping[str, Any]) -> None:
        """Write the record's numbers; the first record hides what a killed job wrote from its step on."""
        step = int(record[axis(record)])
        for name, value in record.items():
            if isinstance(value, (int, float)) and name != axis(record):
                self._open(step).add_scalar(name, value, step)

    def summarize(self, figures: Mapping[str, Any], used: Sequence[Artifact], made: Sequence[Artifact]) -> None:
        """Write the figures as points at step 0, and as texts what was read and written."""
        writer = self._open(None)
        for name, value in figures.items():
            if isinstance(value, (int, float)):
                writer.add_scalar(f"stage/{name}", value, 0)
        for name, artifacts in (("used", used), ("made", made)):
            writer.add_text(name, "  \n".join(f"{a.kind} sha256 {a.digest}" for a in artifacts), 0)

    def close(self) -> bool:
        """Flush the events to disk."""
        if self._writer is not None:
            self._writer.close()
        return True

    def _open(self, step: int | None) -> SummaryWriter:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=step)
            about = {**self._config.model_dump(mode="json"), "origin": origin()}
            self._writer.add_text("config", f"```\n{json.dumps(about, indent=2)}\n```", step or 0)
        return self._writer
