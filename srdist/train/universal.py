"""A checkpoint for another number of ranks: DeepSpeed's universal checkpoint, made when it is needed."""

from __future__ import annotations

import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from srdist.train.device import Rank, done_by_first, gather_objects

if TYPE_CHECKING:
    import deepspeed
    import torch


@contextmanager
def converted(saved: Path, aside: Path, rank: Rank) -> Iterator[Path]:
    """Convert a DeepSpeed checkpoint; the block gets its folder. All ranks call it, rank 0 converts.

    A conversion that a kill interrupted is thrown away: `aside` is removed before and after. It takes the room of
    two more checkpoints.

    Args:
        saved: folder of the engine's files.
        aside: folder to convert below.
    """
    folder = aside / saved.name
    if rank.is_first:
        shutil.rmtree(aside, ignore_errors=True)
    done_by_first(lambda: _convert(saved, folder), rank)
    yield folder
    gather_objects(None, rank)
    if rank.is_first:
        shutil.rmtree(aside)


def _convert(saved: Path, folder: Path) -> None:
    from deepspeed.checkpoint.ds_to_universal import main

    folder.parent.mkdir(exist_ok=True)
    workers = {"num_extract_workers": 1, "num_merge_workers": 1}  # more would be forks of a process with threads
    flags = {"strict": True, "inject_missing_state": True, "keep_temp_folder": False}
    with plainly_named(saved) as source, plainly_named(folder.parent) as target:
        main(Namespace(input_folder=str(source), output_folder=str(target / folder.name), **workers, **flags))


@contextmanager
def plainly_named(folder: Path) -> Iterator[Path]:
    """Give a link to a folder; DeepSpeed takes characters of its path, such as `[` or `+`, for those of a pattern."""
    with tempfile.TemporaryDirectory() as place:
        link = Path(place) / "folder"
        link.symlink_to(folder)
        yield link


def load_universal(engine: deepspeed.DeepSpeedEngine, folder: Path) -> None:
    """Load a converted checkpoint, and mend what DeepSpeed's loader (0.19, ZeRO stage 3) gets wrong.

    It gives every group of parameters the first group's settings, so that norms would decay. Its step counters,
    too, are for the caller to mend (`separate_step_counters`).
    """
    optimizer = engine.basic_optimizer
    settings = [{key: group[key] for key in group.keys() - {"params"}} for group in optimizer.param_groups]
    with plainly_named(folder.parent) as plain:
        engine.load_checkpoint(str(plain), tag=folder.name)
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)


def separate_step_counters(optimizer: torch.optim.Optimizer) -> None:
    """Give each parameter a step counter of its own, beside it.

    From a converted checkpoint DeepSpeed lets all parameters share one, which each of them advances, and leaves it
    on the CPU, where a fused AdamW of a GPU does not look for it.
    """
    for parameter, state in optimizer.state.items():
        if "step" in state:
            state["step"] = state["step"].to(parameter.device, copy=True)
