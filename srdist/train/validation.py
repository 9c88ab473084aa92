"""Validation in flight: loss and retrieval of held-out queries between two steps, which the training never feels."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srdist.config.load import save_config
from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.disk import refused_writes_told
from srdist.storage.files import ASIDE
from srdist.storage.tables import MIXTURE, PASSAGES, QUERIES, TASKS, TITLES, TOKENS, TRIE
from srdist.tracking import Tracker
from srdist.train.data import Examples
from srdist.train.device import Rank, done_by_first, gather_objects, sum_over_ranks
from srdist.train.export import gathered_weights, save_model
from srdist.train.forward import token_losses
from srdist.train.launch import PARENT
from srdist.train.packing import idle_row, make_row, pack
from srdist.train.records import forget_after
from srdist.train.stop import StopRequest

if TYPE_CHECKING:
    import deepspeed
    import torch

RECORDS = "train/validation.jsonl"
FOLDER = f"train/validation{ASIDE}"
PROGRAM = "srdist.decode.validate"
"""Started as a process: it stands on a floor above this one, and its memory is free again when it ends."""
POLL_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Validation:
    """Measures the held-out queries after every so many steps; all ranks have one.

    A record holds `step`, `loss` and `loss_<task>`, `hits_1` and `mrr_5` over the held-out passages, `seconds`, and
    `error` where the retrieval failed. Each step has one record, whatever was killed and resumed.

    Args:
        tracker: rank 0's; None on the others.
        done: steps of the checkpoint that training goes on from; later records are removed.
        steps: steps of the whole training: the last one is always measured.

    Raises:
        UserError: the run has no trie to retrieve with.
    """

    def __init__(self, config: Config, rank: Rank, tracker: Tracker | None, done: int, steps: int):
        self.config, self.rank, self.tracker, self.steps = config, rank, tracker, steps
        self.settings = config.train.validation
        if self.settings.retrieval_steps and not (config.run_dir / TRIE).is_dir():
            cure = "run `srdist index` first, or set train.validation.retrieval_steps=0"
            raise UserError("validation retrieves with the trie", file=config.run_dir / TRIE, cure=cure)
        self._path = config.run_dir / RECORDS
        kept = forget_after(self._path, done) if rank.is_first else []
        for record in kept:
            self._track(record)
        self._measured: set[int] = set(gather_objects([record["step"] for record in kept], rank)[0])

    def measure(self, engine: deepspeed.DeepSpeedEngine, step: int, stop: StopRequest) -> bool:
        """Measure after `step` steps where that is due; all ranks call it. Return whether it was."""
        wants_loss, wants_retrieval = (
            every > 0 and (step % every == 0 or step == self.steps)
            for every in (self.settings.loss_steps, self.settings.retrieval_steps)
        )
        wants_retrieval = wants_retrieval and step > 0  # an untrained model finds nothing, which takes the longest
        if step in self._measured or not (wants_loss or wants_retrieval):
            return False
        started, record = time.monotonic(), {"step": step}
        if wants_loss:
            record |= held_out_loss(engine, self.config, self.rank)
        if wants_retrieval:
            record |= self._retrieve(engine, stop)
        self._measured.add(step)
        if self.rank.is_first:
            self._write({**record, "seconds": round(time.monotonic() - started, 3)})
        return True

    def _retrieve(self, engine: deepspeed.DeepSpeedEngine, stop: StopRequest) -> dict[str, Any]:
        """Gather the weights, have rank 0 save them aside and retrieve with them; return its figures there."""
        weights = gathered_weights(engine, self.rank, frozen=self.config.train.lora is None)
        return done_by_first(lambda: self._retrieve_with(engine.module, weights, stop), self.rank) or {}

    def _retrieve_with(
        self, model: torch.nn.Module, weights: dict[str, torch.Tensor], stop: StopRequest
    ) -> dict[str, Any]:
        folder = self.config.run_dir / FOLDER
        try:
            with refused_writes_told(self.config.run_dir):
                _make_run(self.config, folder)
                save_model(model, weights, self.config.model_copy(update={"output": folder}))
                return run_program(folder, self.settings.queries, 60 * self.settings.minutes, stop)
        except UserError as error:
            logger.warning("validation failed, training goes on: %s", error)
            return {"error": str(error)}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, record: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._track(record)

    def _track(self, record: dict[str, Any]) -> None:
        if self.tracker:
            self.tracker.log({f"validation/{name}": value for name, value in record.items()})


def held_out_loss(engine: deepspeed.DeepSpeedEngine, config: Config, rank: Rank) -> dict[str, float]:
    """Return the mean cross entropy per trained token of the held-out examples: `loss`, and `loss_<task>`.

    All ranks call it; each takes every `ranks`-th packed row.
    """
    import torch

    examples = Examples(config.run_dir / MIXTURE / config.mixture.held_out_phase.folder(0))
    limit = config.train.row_tokens
    rows = pack(np.minimum(examples.lengths, limit), limit)
    parts = np.split(np.argsort(rows, kind="stable"), np.cumsum(np.bincount(rows))[:-1])
    sums = torch.zeros(2, len(TASKS), dtype=torch.float64, device=rank.device)
    engine.eval()
    with torch.no_grad():
        for number in range(rank.rank, rank.ranks * -(-len(parts) // rank.ranks), rank.ranks):
            idle = number >= len(parts)
            row = idle_row() if idle else make_row(examples, parts[number], limit)
            losses = token_losses(engine, row, rank.device).double()
            if not idle:
                tasks = torch.from_numpy(row.tasks).to(rank.device)
                sums[0].index_add_(0, tasks, losses)
                sums[1].index_add_(0, tasks, torch.ones_like(losses))
    engine.train()
    totals, counts = sum_over_ranks(sums).cpu().numpy()
    by_task = {f"loss_{task}": totals[i] / counts[i] for i, task in enumerate(TASKS) if counts[i]}
    return {"loss": float(totals.sum() / counts.sum()), **{name: float(value) for name, value in by_task.items()}}


def _make_run(config: Config, folder: Path) -> None:
    """Make a run's folder that has all but the model, by links."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("manifests", TITLES, PASSAGES, TOKENS, QUERIES, TRIE):
        (folder / name).symlink_to(config.run_dir / name)
    save_config(config, folder / "config.yaml")


def run_program(folder: Path, queries: int, seconds: float, stop: StopRequest) -> dict[str, Any]:
    """Retrieve for the first held-out queries in a process of its own; return its figures.

    Raises:
        UserError: it failed, took longer than `seconds`, or the training was told to stop.
    """
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    command = [sys.executable, "-m", PROGRAM, str(folder), str(queries)]
    log, end = folder / "log.txt", time.monotonic() + seconds
    with open(log, "wb") as output:
        environment = {**os.environ, PARENT: str(os.getpid())}
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                if stop.requested:
                    raise UserError("the training was told to stop")
                if time.monotonic() > end:
                    raise UserError(
                        f"it took longer than {seconds / 60:g} minutes", cure="raise train.validation.minutes"
                    )
                time.sleep(POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise UserError(f"the process ended with code {process.returncode}: {lines[-1] if lines else 'no output'}")
    return json.loads((folder / "figures.json").read_text(encoding="utf-8"))
