"""Take over what another cell has made, without copying it."""

from __future__ import annotations

from pathlib import Path

from srdist.storage.files import link_or_copy
from srdist.storage.manifest import manifest_path, read_manifest

SHARED = ("prepare", "index", "train")
"""Stages that a cell takes over; so are the other cell's finished baselines."""


def share_stages(source: Path, target: Path) -> None:
    """Link the finished stages of one run's folder into another one; what is there already stays.

    A stage's manifest is linked last: a killed call leaves no stage that looks finished.
    """
    baselines = sorted(path.stem for path in (source / "manifests").glob("baselines.*.json"))
    for stage in (*SHARED, *baselines):
        if manifest_path(target, stage).exists():
            continue
        for name in read_manifest(source, stage).files:
            link_or_copy(source / name, target / name)
        link_or_copy(manifest_path(source, stage), manifest_path(target, stage))
