"""The training loop of one rank."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from srdist.config.schema import Config
from srdist.train.checkpoint import load_newest_checkpoint, save_checkpoint
from srdist.train.device import Rank, sum_over_ranks
from srdist.train.engine import make_engine, set_learning_rate
from srdist.train.export import export_model
from srdist.train.journal import Journal
from srdist.train.plan import make_plan
from srdist.train.schedule import learning_rate
from srdist.train.step import gradient_norm, train_step
from srdist.train.stop import REQUEUE, StopRequest

if TYPE_CHECKING:
    import numpy as np
    import torch


def train_rank(config: Config, rank: Rank) -> dict[str, Any]:
    """Train from the newest checkpoint to the end and export the model; all ranks call it after `join_ranks`.

    After a stop signal to any rank, all of them save at the end of the step and exit with code 85.

    Returns:
        counts of the plan (rows, steps, tokens, examples cut and left out), the last loss and the seconds.

    Raises:
        UserError: mixture, base model, DeepSpeed JSON or checkpoint do not fit, or the loss is not finite.
    """
    stop = StopRequest()
    plan = make_plan(config)
    engine = make_engine(config, rank)
    done, state = load_newest_checkpoint(engine, config, rank)
    journal = Journal(config, rank, plan, state)
    saved_at = time.monotonic()
    for step in range(done, plan.steps):
        rate = learning_rate(step, plan.steps, config.train)
        set_learning_rate(engine, rate)
        sums = train_step(engine, plan, step, rank)
        sums, stopping, save_is_due = _agree(sums, stop, saved_at, config, rank)
        journal.add(step, sums, rate, gradient_norm(engine), rank.memory_gb())
        save_is_due |= (step + 1) % (config.train.checkpoint_steps or plan.steps) == 0
        if (stopping or save_is_due) and step + 1 < plan.steps:
            save_checkpoint(engine, config, rank, step + 1, journal.state())
            journal.pause()
            saved_at = time.monotonic()
            if stopping:
                journal.close()
                raise SystemExit(REQUEUE)
    export_model(engine, config, rank)
    return journal.finish()


def _agree(
    sums: torch.Tensor, stop: StopRequest, saved_at: float, config: Config, rank: Rank
) -> tuple[np.ndarray, bool, bool]:
    """Add the losses up over all ranks; agree on whether one was told to stop and rank 0's clock says save."""
    import torch

    minutes = config.train.checkpoint_minutes
    late = rank.is_first and 0 < minutes <= (time.monotonic() - saved_at) / 60
    flags = sums.new_tensor([stop.requested, late])
    totals = sum_over_ranks(torch.cat([sums, flags])).cpu().numpy()
    return totals[:-2], bool(totals[-2]), bool(totals[-1])
