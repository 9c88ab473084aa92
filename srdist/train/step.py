"""One optimizer step: the rows of the step over all ranks, one loss per trained token of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from srdist.storage.tables import TASKS
from srdist.train.clock import StepClock
from srdist.train.device import Rank
from srdist.train.forward import token_losses
from srdist.train.packing import idle_row
from srdist.train.plan import Plan

if TYPE_CHECKING:
    import deepspeed
    import torch


def train_step(engine: deepspeed.DeepSpeedEngine, plan: Plan, step: int, rank: Rank, clock: StepClock) -> torch.Tensor:
    """Train on this rank's rows of a step and update the weights.

    The gradient is that of (sum of the cross entropies of all trained tokens of the step) / (their number),
    over all ranks. Rank r takes rows r, r + ranks, ...; a rank that runs out of rows runs an idle one, as the
    ranks gather each layer's weights together.

    Args:
        clock: gets the seconds of data, forward, backward and step.

    Returns:
        [tasks] float64 on the rank's device: this rank's summed cross entropy per task.
    """
    import torch

    rows = plan.step_rows(step)
    trained = int(plan.work(step).trained.sum())
    own = rows[rank.rank :: rank.ranks]
    micro_steps = -(-len(rows) // rank.ranks)
    sums = torch.zeros(len(TASKS), dtype=torch.float64, device=rank.device)
    for micro_step in range(micro_steps):
        idle = micro_step >= len(own)
        with clock.part("data"):
            row = idle_row() if idle else plan.row(own[micro_step])
        engine.set_gradient_accumulation_boundary(micro_step == micro_steps - 1)
        with clock.part("forward"):
            if not idle:
                torch.manual_seed(dropout_seed(plan.seed, own[micro_step]))
            losses = token_losses(engine, row, rank.device)
        weight = 0.0 if idle else rank.ranks / trained  # the engine averages over the ranks
        with clock.part("backward"):
            engine.backward(losses.sum() * weight, scale_wrt_gas=False)
        if not idle:
            sums.index_add_(0, torch.from_numpy(row.tasks).to(rank.device), losses.detach().double())
    with clock.part("step"):
        engine.step()
    return sums


def dropout_seed(seed: int, row: int) -> int:
    """Return torch's seed for a row: what is dropped is the same whatever the number of ranks, kills and resumes."""
    return int(np.random.SeedSequence([seed, row]).generate_state(1)[0])
