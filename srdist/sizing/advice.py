"""What would make a training fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srdist.sizing.memory import Setup, rank_memory
from srdist.sizing.model import Dimensions

SMALLEST_ROW = 256
MOST_RANKS_PER_NODE, MOST_RANKS = 8, 1024


def cures(model: Dimensions, setup: Setup, room_gib: float, has_gpus: bool = True) -> list[str]:
    """Return changes of a setup that fit into `room_gib` of a rank's memory: each alone, or else all together.

    Args:
        has_gpus: whether there is another memory to offload to.
    """
    knobs = _knobs(model, setup, has_gpus)
    fitting = [text for text, changed in knobs if _size(model, changed) <= room_gib]
    fitting += _more_ranks(model, setup, room_gib)
    if fitting:
        return fitting
    offload = {"offload_optimizer": has_gpus, "offload_parameters": has_gpus}
    together = replace(setup, stage=3, checkpointing=True, eager=False, **offload)
    names = f"ZeRO stage 3{', optimizer and parameters offloaded' * has_gpus}, train.gradient_checkpointing"
    if _size(model, together) <= room_gib:
        return [f"{names}, all of them: {_size(model, together):.1f} GiB"]
    together = replace(together, row_tokens=min(setup.row_tokens, 2 * SMALLEST_ROW))
    more = _more_ranks(model, together, room_gib)
    if more:
        return [f"{names}, train.row_tokens={together.row_tokens}, and {more[0]}"]
    return ["nothing here: a smaller model, train.lora, or GPUs with more memory"]


def _more_ranks(model: Dimensions, setup: Setup, room_gib: float) -> list[str]:
    """Return the fewest GPUs of a node, and the fewest nodes, doubled and doubled again, with which it fits."""
    found = []
    for field, name, most in (
        ("ranks_per_node", "ranks a node", MOST_RANKS_PER_NODE),
        ("nodes", "nodes", MOST_RANKS // setup.ranks_per_node),
    ):
        number = 2 * getattr(setup, field)
        while number <= most and _size(model, replace(setup, **{field: number})) > room_gib:
            number *= 2
        if number <= most:
            found.append(f"{number} {name}: {_size(model, replace(setup, **{field: number})):.1f} GiB")
    return found


def _size(model: Dimensions, setup: Setup) -> float:
    return sum(rank_memory(model, setup).values())


def _knobs(model: Dimensions, setup: Setup, has_gpus: bool) -> Iterator[tuple[str, Setup]]:
    """Give single changes of a setup, in the order of what they cost: text, changed setup."""
    changes: list[tuple[str, Setup]] = []
    if setup.eager:
        changes.append(("model.attention=sdpa", replace(setup, eager=False)))
    if setup.ranks > 1:
        changes += [(f"ZeRO stage {stage}", replace(setup, stage=stage)) for stage in range(setup.stage + 1, 4)]
    if not setup.checkpointing:
        changes.append(("train.gradient_checkpointing=true", replace(setup, checkpointing=True)))
    if setup.row_tokens // 2 >= SMALLEST_ROW:
        half = setup.row_tokens // 2
        changes.append((f"train.row_tokens={half}", replace(setup, row_tokens=half)))
    if has_gpus and setup.stage and not setup.offload_optimizer:
        changes.append(("the optimizer offloaded", replace(setup, offload_optimizer=True)))
    for text, changed in changes:
        yield f"{text}: {_size(model, changed):.1f} GiB", changed
