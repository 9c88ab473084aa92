"""Every stage tells the tracking once, when it has finished: its figures, what it read, what it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from srdist.config.schema import Config
from srdist.storage.files import write_json
from srdist.storage.manifest import Manifest, manifest_path
from srdist.tracking.lineage import made_by, used_by
from srdist.tracking.tracker import open_tracker


def track_stage(config: Config, manifest: Manifest) -> None:
    """Log a finished stage to `tracking.backend`, unless that was done before; the process is the only one that does.

    A backend that ends meanwhile gets it from the next run of the same command.

    Raises:
        UserError: the backend cannot start.
    """
    if config.tracking.backend == "jsonl":
        return
    mark = manifest_path(config.run_dir, f".{manifest.stage}.tracked")
    told = {"backend": config.tracking.backend, "digest": manifest.digest(), "inputs": manifest.inputs}
    if mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == told:
        return
    tracker = open_tracker(config, manifest.stage)
    tracker.summarize(_figures(config.run_dir, manifest), used_by(config, manifest), made_by(config.run_dir, manifest))
    if tracker.close():
        write_json(mark, told)


def _figures(run_dir: Path, manifest: Manifest) -> dict[str, Any]:
    figures = {**manifest.counts, "seconds": manifest.seconds}
    if manifest.stage == "evaluate":
        figures |= flat_numbers(json.loads((run_dir / "evaluate" / "metrics.json").read_text(encoding="utf-8")))
    return figures


def flat_numbers(value: Any, prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested JSON objects as `outer/inner` -> number."""
    if isinstance(value, Mapping):
        parts = (flat_numbers(item, f"{prefix}/{key}" if prefix else str(key)) for key, item in value.items())
        return {name: number for part in parts for name, number in part.items()}
    return {prefix: value} if isinstance(value, (int, float)) and not isinstance(value, bool) else {}
