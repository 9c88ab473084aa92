"""What packing, DeepSpeed and our loop around it cost or save, on a mixture's real lengths."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from srdist.bench.figures import Figure
from srdist.bench.train_loops import PlainLoop, engine_step, padded_batches, padded_epoch, ready_rows
from srdist.bench.train_run import RandomModel, generated_lengths, lengths_of_run, make_run
from srdist.config.schema import Config
from srdist.storage.models import weights_dtype
from srdist.train.data import shuffled
from srdist.train.device import Rank, join_ranks, leave_ranks
from srdist.train.engine import make_engine
from srdist.train.flops import model_size
from srdist.train.journal import Journal
from srdist.train.loop import one_step
from srdist.train.plan import Plan, make_plan

SHOWN = (
    ("padding_share", "share of the packed rows' room that stays empty", "of 1"),
    ("padded_tokens", "tokens of batches padded to their longest, over the tokens of packed rows", "x"),
    ("trained_tokens_speedup", "trained tokens per second, packed over padded to the longest of each batch", "x"),
    ("loop_overhead", "time of our loop above DeepSpeed's forward, backward and step on ready batches", "of 1"),
    ("zero3_over_plain", "time of DeepSpeed's forward, backward and step, over plain PyTorch's", "x"),
    ("tokens_per_second", "tokens per second of our loop", "tokens/s"),
)


def measure(config: Config | None, model: str | RandomModel, *, steps: int, repeats: int) -> list[Figure]:
    """Time one optimizer step in four ways, alternating, at places spread over the training.

    Padded batches have the token budget of an optimizer step, padding included, and as many forwards.

    Args:
        config: a prepared experiment: its lengths, and settings of training; None: lengths like the quickstart's.
        model: folder of a model, or the size of one with random weights.
        steps: places in the training where it is measured.
        repeats: of every measurement, each in both orders; the fastest counts.

    Raises:
        UserError: the experiment is not prepared, or the model cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as name:
        folder = Path(name)
        lengths = lengths_of_run(config) if config else generated_lengths()
        base = model.save(folder / "base") if isinstance(model, RandomModel) else os.path.abspath(model)
        run = make_run(folder, lengths, base, config)
        rank = Rank(0, 1, 0)
        join_ranks(rank)
        try:
            dtype = weights_dtype(run.model.dtype, rank.device.type)
            found = _measure(run.with_dtype(dtype), rank, steps, repeats)
        finally:
            leave_ranks()
    return [Figure(key, what, found[key], unit) for key, what, unit in SHOWN]


def _measure(config: Config, rank: Rank, steps: int, repeats: int) -> dict[str, float]:
    plan, engine, plain = make_plan(config), make_engine(config, rank), PlainLoop(config, rank.device)
    journal = Journal(config, rank, plan, model_size(engine.module), None)
    padded = _padded(plan, config.seed)
    ways: dict[str, list[Callable[[], object]]] = {"ours": [], "engine": [], "plain": [], "padded": []}
    tokens = 0
    for step, number in zip(_spread(plan.steps, steps), _spread(len(padded), steps), strict=False):
        rows, work = ready_rows(plan, step, rank.device), plan.work(step)
        trained, tokens = int(work.trained.sum()), tokens + work.tokens
        epoch, batch = padded[number]
        forwards = padded_batches(plan.epochs[epoch].examples, batch, config.train.rows_per_step, rank.device)
        ways["ours"].append(partial(one_step, engine, plan, step, config, rank, journal, [False, False]))
        ways["engine"].append(partial(engine_step, engine, rows, trained))
        ways["plain"].append(partial(plain.step, rows, trained))
        ways["padded"].append(partial(engine_step, engine, forwards, 1))
    seconds = _fastest(ways, repeats)
    journal.close()
    slots = sum(int(plan.epochs[epoch].examples.lengths[batch].max()) * len(batch) for epoch, batch in padded)
    return {
        "padding_share": plan.facts["padding_share"],
        "padded_tokens": slots / plan.facts["tokens"],
        "trained_tokens_speedup": len(padded) * seconds["padded"] / (plan.steps * seconds["engine"]),
        "loop_overhead": seconds["ours"] / seconds["engine"] - 1,
        "zero3_over_plain": seconds["engine"] / seconds["plain"],
        "tokens_per_second": tokens / seconds["ours"],
    }


def _padded(plan: Plan, seed: int) -> list[tuple[int, np.ndarray]]:
    """Return (epoch, examples) of the batches of a padded training, in its order."""
    return [
        (number, batch)
        for number, epoch in enumerate(plan.epochs)
        for batch in padded_epoch(
            epoch,
            shuffled(len(epoch.examples), seed, epoch.phase, epoch.number),
            plan.row_tokens * plan.rows_per_step,
        )
    ]


def _spread(count: int, wanted: int) -> list[int]:
    """Return places spread evenly over `range(count)`."""
    return np.linspace(0, count - 1, min(wanted, count) + 2).astype(int)[1:-1].tolist()


def _fastest(ways: dict[str, list[Callable[[], object]]], repeats: int) -> dict[str, float]:
    """Return the seconds of each way over all places: the fastest run at each.

    Every other time the ways go backwards: what runs after its like finds memory and caches warm. At each place
    every way runs once before it counts.
    """
    best = {name: np.full(len(calls), np.inf) for name, calls in ways.items()}
    for place in range(len(best["ours"])):
        for repeat in range(-1, 2 * repeats):
            for name in ways if repeat % 2 else reversed(ways):
                seconds = _seconds(ways[name][place])
                if repeat >= 0:
                    best[name][place] = min(best[name][place], seconds)
    return {name: float(seconds.sum()) for name, seconds in best.items()}


def _seconds(call: Callable[[], object]) -> float:
    import torch

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    wait()
    begin = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - begin
