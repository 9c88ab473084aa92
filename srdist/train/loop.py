"""The training loop of one rank."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from srdist.config.schema import Config
from srdist.errors import REQUEUE
from srdist.storage.models import weights_dtype
from srdist.train.checkpoint import load_checkpoint, newest_checkpoint, save_checkpoint
from srdist.train.clock import StepClock
from srdist.train.device import Rank, gather_objects, sum_over_ranks
from srdist.train.engine import make_engine, set_learning_rate
from srdist.train.export import export_model
from srdist.train.flops import model_size
from srdist.train.journal import Journal
from srdist.train.plan import Plan, make_plan
from srdist.train.schedule import learning_rate
from srdist.train.step import train_step
from srdist.train.stop import StopRequest
from srdist.train.validation import Validation

if TYPE_CHECKING:
    import deepspeed

logger = logging.getLogger(__name__)


def train_rank(config: Config, rank: Rank) -> dict[str, Any]:
    """Train from the newest checkpoint to the end and export the model; all ranks call it after `join_ranks`.

    Where `model.dtype` is `auto`, rank 0 decides it for all, and a checkpoint keeps it.

    After a stop signal to any rank, all of them save at the end of the step and exit with code 85. The last step is
    saved as well: a start after a kill in the export has nothing left to do but the export.

    Returns:
        counts of the plan (rows, steps, tokens, examples cut and left out), the last loss and the seconds.

    Raises:
        UserError: mixture, base model, DeepSpeed JSON or checkpoint do not fit, or loss or gradient is not finite.
    """
    stop = StopRequest()
    if rank.is_first and rank.ranks > (rows := config.train.rows_per_step):
        logger.warning("%d ranks share steps of %d rows (train.rows_per_step): the others idle", rank.ranks, rows)
    plan = make_plan(config)
    checkpoint = newest_checkpoint(config, rank)
    first = gather_objects(weights_dtype(config.model.dtype, rank.device.type), rank)[0]
    decided = config.with_dtype(checkpoint.dtype if checkpoint else first)
    engine = make_engine(decided, rank, universal=checkpoint is not None and checkpoint.must_be_converted(rank))
    if checkpoint:
        load_checkpoint(engine, checkpoint, rank)
    # The tracker's run is found again by the config as it was given.
    journal = Journal(config, rank, plan, model_size(engine.module), checkpoint)
    done = checkpoint.step if checkpoint else 0
    validation = Validation(decided, rank, journal.tracker, done, plan.steps)
    saved_at, minutes = time.monotonic(), config.train.checkpoint_minutes

    def late() -> bool:
        return rank.is_first and 0 < minutes <= (time.monotonic() - saved_at) / 60

    for step in range(done, plan.steps):
        if validation.measure(engine, step, stop):
            journal.pause()
        stopping, save_is_due = one_step(engine, plan, step, config, rank, journal, [stop.requested, late()])
        save_is_due |= (step + 1) % (config.train.checkpoint_steps or plan.steps) == 0 or step + 1 == plan.steps
        if stopping or save_is_due:
            save_checkpoint(engine, decided, rank, step + 1, journal.state())
            journal.pause()
            saved_at = time.monotonic()
            if stopping:
                journal.close()
                raise SystemExit(REQUEUE)
    validation.measure(engine, plan.steps, stop)
    export_model(engine, decided, rank)
    return journal.finish()


def one_step(
    engine: deepspeed.DeepSpeedEngine,
    plan: Plan,
    step: int,
    config: Config,
    rank: Rank,
    journal: Journal,
    asked: list[bool],
) -> list[bool]:
    """Train one step and record it; return for each thing in `asked` whether any rank asked for it."""
    import torch

    rate, clock = learning_rate(step, plan.steps, config.train), StepClock(rank.device)
    set_learning_rate(engine, rate)
    sums = train_step(engine, plan, step, rank, clock)
    memory = [rank.memory_gb() if number == rank.rank else 0.0 for number in range(rank.ranks)]
    shared = sum_over_ranks(torch.cat([sums, sums.new_tensor([*memory, *asked])])).cpu().numpy()
    sums, memory, flags = np.split(shared, [len(sums), len(sums) + rank.ranks])
    norm = float(engine.get_global_grad_norm())  # before clipping
    journal.add(step, sums, memory, clock.take(), rate, norm)
    return [bool(flag) for flag in flags]
