"""Checkpoints: written aside, checked by checksums, the newest whole one is used."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.files import ASIDE, sha256, write_json
from srdist.train.device import Rank, gather_objects

if TYPE_CHECKING:
    import deepspeed

CHECKPOINTS = "checkpoints"
ENGINE = "engine"
FACTS = "checkpoint.json"

logger = logging.getLogger(__name__)


def save_checkpoint(
    engine: deepspeed.DeepSpeedEngine, config: Config, rank: Rank, step: int, state: dict[str, Any]
) -> Path:
    """Save weights, optimizer and state after `step` steps; all ranks call it.

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
    engine.save_checkpoint(str(aside), tag=ENGINE, client_state={"torch_rng": _rng()}, save_latest=False)
    paths = sorted(path for path in aside.rglob("*") if path.is_file())
    own = {path.relative_to(aside).as_posix(): _synced_digest(path) for path in paths[rank.rank :: rank.ranks]}
    digests = {name: digest for share in gather_objects(own, rank) for name, digest in share.items()}
    if rank.is_first:
        write_json(aside / FACTS, {"step": step, "ranks": rank.ranks, "state": state, "sha256": digests})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
        _remove_old(config.run_dir / CHECKPOINTS, config.train.keep_checkpoints)
    gather_objects(None, rank)
    return folder


def load_newest_checkpoint(
    engine: deepspeed.DeepSpeedEngine, config: Config, rank: Rank
) -> tuple[int, dict[str, Any] | None]:
    """Take the newest whole checkpoint; all ranks call it.

    Returns:
        steps done and the saved state; 0 and None where there is no checkpoint.

    Raises:
        UserError: the checkpoint was written by another number of ranks.
    """
    for folder in reversed(checkpoints(config.run_dir / CHECKPOINTS)):
        facts = _read_facts(folder)
        wrong = ["checkpoint.json is missing or damaged"] if facts is None else _damaged(folder, facts, rank)
        found = [name for share in gather_objects(wrong, rank) for name in share]
        if found:
            if rank.is_first:
                logger.warning("checkpoint %s is damaged (%s) and not used", folder, found[0])
            continue
        if facts["ranks"] != rank.ranks:
            what = f"the checkpoint was written by {facts['ranks']} ranks, this training has {rank.ranks}"
            raise UserError(what, file=folder, cure=f"train with {facts['ranks']} ranks, or remove {folder.parent}")
        _, client = engine.load_checkpoint(str(folder), tag=ENGINE)
        _set_rng(client["torch_rng"])
        return facts["step"], facts["state"]
    return 0, None


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
        return json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _synced_digest(path: Path) -> str:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return sha256(path)


def _remove_old(folder: Path, keep: int) -> None:
    for path in checkpoints(folder)[:-keep]:
        shutil.rmtree(path)
    for path in folder.glob(f"*{ASIDE}"):
        shutil.rmtree(path)


def _rng() -> dict[str, Any]:
    import torch

    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None}


def _set_rng(state: dict[str, Any]) -> None:
    import torch

    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
