"""Checkpoints: written aside, checked by checksums, the newest whole one is used."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srdist.config.schema import Config
from srdist.storage.files import ASIDE, remove_asides, sha256, write_json
from srdist.train.device import Rank, gather_objects
from srdist.train.universal import converted, load_universal, plainly_named, separate_step_counters

if TYPE_CHECKING:
    import deepspeed

CHECKPOINTS = "checkpoints"
ENGINE = "engine"
FACTS = "checkpoint.json"
FACT_NAMES = ("step", "ranks", "partitioned", "dtype", "state")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        folder: where it lies.
        step: optimizer steps done.
        ranks: how many ranks wrote it.
        partitioned: whether the optimizer's state is divided among them (ZeRO stages 1 to 3).
        dtype: type of the weights.
        state: JSON values that rank 0 wants back.
    """

    folder: Path
    step: int
    ranks: int
    partitioned: bool
    dtype: str
    state: dict[str, Any]

    def must_be_converted(self, rank: Rank) -> bool:
        """Tell whether another number of ranks wrote it, each its own part."""
        return self.partitioned and self.ranks != rank.ranks


def save_checkpoint(
    engine: deepspeed.DeepSpeedEngine, config: Config, rank: Rank, step: int, state: dict[str, Any]
) -> None:
    """Save trained weights and optimizer after `step` steps; all ranks call it.

    Every rank syncs and digests a share of the files; rank 0 writes the checksums last and renames the
    folder, so that a checkpoint is there whole or not at all.

    Args:
        state: JSON values that rank 0 wants back.
    """
    folder = config.run_dir / CHECKPOINTS / f"step-{step:06d}"
    aside = folder.with_name(folder.name + ASIDE)
    if rank.is_first:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    gather_objects(None, rank)
    engine.save_checkpoint(str(aside), tag=ENGINE, save_latest=False, exclude_frozen_parameters=True)
    paths = sorted(path for path in aside.rglob("*") if path.is_file())
    own = {path.relative_to(aside).as_posix(): _synced_digest(path) for path in paths[rank.rank :: rank.ranks]}
    digests = {name: digest for share in gather_objects(own, rank) for name, digest in share.items()}
    if rank.is_first:
        facts = {
            "step": step,
            "ranks": rank.ranks,
            "partitioned": engine.zero_optimization(),
            "dtype": config.model.dtype,
            "state": state,
        }
        write_json(aside / FACTS, {**facts, "sha256": digests})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
        _remove_others(folder, config.train.keep_checkpoints)
    gather_objects(None, rank)


def newest_checkpoint(config: Config, rank: Rank) -> Checkpoint | None:
    """Find the newest whole checkpoint, if there is one; all ranks call it, each reads a share of the files.

    A damaged one is named in a warning and passed over. What a kill left half written is removed.
    """
    if rank.is_first:
        remove_asides(config.run_dir / CHECKPOINTS)
    for folder in reversed(gather_objects(checkpoints(config.run_dir / CHECKPOINTS), rank)[0]):
        facts = _read_facts(folder)
        wrong = ["checkpoint.json is missing or damaged"] if facts is None else _damaged(folder, facts, rank)
        found = [name for share in gather_objects(wrong, rank) for name in share]
        if not found:
            return Checkpoint(folder, **{name: facts[name] for name in FACT_NAMES})
        if rank.is_first:
            logger.warning("checkpoint %s is damaged (%s) and not used", folder, found[0])
    return None


def load_checkpoint(engine: deepspeed.DeepSpeedEngine, checkpoint: Checkpoint, rank: Rank) -> None:
    """Load weights and optimizer; all ranks call it. A checkpoint of another number of ranks is converted first."""
    folder = checkpoint.folder
    if checkpoint.must_be_converted(rank):
        if rank.is_first:
            logger.warning("converting %s from %d ranks to %d", folder, checkpoint.ranks, rank.ranks)
        aside = folder.with_name(f"{folder.name}-converted{ASIDE}")
        with converted(folder / ENGINE, aside, rank) as universal:
            load_universal(engine, universal)
    else:
        with plainly_named(folder) as plain:
            engine.load_checkpoint(str(plain), tag=ENGINE, load_module_strict=False)
    separate_step_counters(engine.basic_optimizer)


def checkpoints(folder: Path) -> list[Path]:
    """Return a folder's checkpoints, oldest first, whole or not."""
    found = [path for path in folder.glob("step-*") if re.fullmatch(r"step-\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def _damaged(folder: Path, facts: dict[str, Any], rank: Rank) -> Iterable[str]:
    """Return the files of this rank's share that are missing or have another checksum."""
    share = sorted(facts["sha256"].items())[rank.rank :: rank.ranks]
    return [n for n, digest in share if not (folder / n).is_file() or sha256(folder / n) != digest]


def _read_facts(folder: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if {*FACT_NAMES, "sha256"} <= facts.keys() else None


def _synced_digest(path: Path) -> str:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return sha256(path)


def _remove_others(newest: Path, keep: int) -> None:
    """Remove what is older than the `keep` last checkpoints, and later ones: training went on before them, as they
    were damaged."""
    found = checkpoints(newest.parent)
    until = found.index(newest) + 1
    for path in found[: max(0, until - keep)] + found[until:]:
        shutil.rmtree(path)
