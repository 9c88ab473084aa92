"""The whole training as a fixed list of rows, whatever the number of ranks."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.tables import MIXTURE, TASKS
from srdist.train.data import Examples, shuffled
from srdist.train.packing import Row, make_row, pack


@dataclass(frozen=True)
class Epoch:
    """One pass over a phase.

    Attributes:
        phase: index into `mixture.phases`.
        number: epoch of that phase, from 0.
        examples: what it trains.
        indexes: [examples] the examples, row after row.
        starts: [rows + 1] where each row begins in `indexes`.
        work: [rows, 2 + tasks] int64: tokens, squared lengths of the examples summed, trained tokens per task.
    """

    phase: int
    number: int
    examples: Examples
    indexes: np.ndarray
    starts: np.ndarray
    work: np.ndarray

    def members(self, row: int) -> np.ndarray:
        """Return the examples of one of the epoch's rows."""
        return self.indexes[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True)
class Work:
    """What some rows hold.

    Attributes:
        rows: number of rows.
        tokens: all tokens.
        squares: the examples' squared lengths, summed: what attention works on.
        trained: [tasks] trained tokens of each task.
    """

    rows: int
    tokens: int
    squares: int
    trained: np.ndarray


class Plan:
    """Rows and steps of a training: a function of seed, settings and example lengths alone.

    Phases follow each other, and their epochs; a row never mixes two epochs, a step may. The last step may
    have fewer rows than the others. Examples whose trained tokens all lie beyond `row_tokens` are left out.

    Args:
        phases: for each phase the examples of each of its epochs; epochs may share them.
        row_tokens: tokens of a full row.
        rows_per_step: rows of one optimizer step over all ranks.
    """

    def __init__(self, phases: list[list[Examples]], seed: int, row_tokens: int, rows_per_step: int):
        self.seed, self.row_tokens, self.rows_per_step = seed, row_tokens, rows_per_step
        self.epochs = [
            self._epoch(examples, phase, number, seed)
            for phase, epochs in enumerate(phases)
            for number, examples in enumerate(epochs)
        ]
        self._first_rows = np.cumsum([0, *(len(epoch.work) for epoch in self.epochs)])

    def _epoch(self, examples: Examples, phase: int, number: int, seed: int) -> Epoch:
        order = shuffled(len(examples), seed, phase, number)
        order = order[self._trained(examples)[order] > 0]
        rows = pack(np.minimum(examples.lengths[order], self.row_tokens), self.row_tokens)
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows))])
        indexes = order[np.argsort(rows, kind="stable")].astype(np.uint32)
        return Epoch(phase, number, examples, indexes, starts, self._work(examples, indexes, starts[:-1]))

    def _trained(self, examples: Examples) -> np.ndarray:
        """Return the trained tokens of every example: [examples]."""
        return np.minimum(examples.lengths, self.row_tokens) - np.maximum(examples.prompts, 1)

    def _work(self, examples: Examples, indexes: np.ndarray, starts: np.ndarray) -> np.ndarray:
        columns = np.zeros((len(indexes), 2 + len(TASKS)), dtype=np.int64)
        columns[:, 0] = np.minimum(examples.lengths[indexes], self.row_tokens)
        columns[:, 1] = columns[:, 0] ** 2
        columns[np.arange(len(indexes)), 2 + examples.tasks[indexes]] = self._trained(examples)[indexes]
        return np.add.reduceat(columns, starts) if len(starts) else columns

    @property
    def rows(self) -> int:
        """Rows of the whole training."""
        return int(self._first_rows[-1])

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return -(-self.rows // self.rows_per_step)

    def step_rows(self, step: int) -> range:
        """Return the numbers of the rows of a step (from 0)."""
        return range(step * self.rows_per_step, min((step + 1) * self.rows_per_step, self.rows))

    def locate(self, row: int) -> tuple[Epoch, int]:
        """Return the epoch that a row belongs to, and the row's number in it."""
        index = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        return self.epochs[index], row - int(self._first_rows[index])

    def row(self, row: int) -> Row:
        """Return the arrays of a row."""
        epoch, place = self.locate(row)
        return make_row(epoch.examples, epoch.members(place), self.row_tokens)

    def work(self, step: int) -> Work:
        """Return what the rows of a step (from 0) hold together."""
        rows = self.step_rows(step)
        places = (self.locate(row) for row in rows)
        tokens, squares, *trained = sum(epoch.work[place] for epoch, place in places)
        return Work(len(rows), int(tokens), int(squares), np.array(trained))

    @cached_property
    def facts(self) -> dict[str, int | float]:
        """Counts over all epochs for the closing table; `padding_share` of the rows' room stays empty."""
        tokens = sum(int(epoch.work[:, 0].sum()) for epoch in self.epochs)
        return {
            "examples": sum(len(epoch.examples) for epoch in self.epochs),
            "examples_cut": sum(int((epoch.examples.lengths > self.row_tokens).sum()) for epoch in self.epochs),
            "examples_left_out": sum(len(epoch.examples) - len(epoch.indexes) for epoch in self.epochs),
            "rows": self.rows,
            "steps": self.steps,
            "tokens": tokens,
            "trained_tokens": sum(int(epoch.work[:, 2:].sum()) for epoch in self.epochs),
            "padding_share": round(1 - tokens / (self.rows * self.row_tokens), 5) if self.rows else 0.0,
        }


def make_plan(config: Config) -> Plan:
    """Open the mixture below the run's folder and plan the training.

    Raises:
        UserError: a partition is missing or damaged, a phase has no examples, or none fits into a row.
    """
    open_once = functools.cache(lambda folder: Examples(config.run_dir / MIXTURE / folder))
    phases = [[open_once(phase.folder(epoch)) for epoch in range(phase.epochs)] for phase in config.mixture.phases]
    plan = Plan(phases, config.seed, config.train.row_tokens, config.train.rows_per_step)
    if plan.rows == 0:
        raise UserError(
            f"no example has a trained token within {config.train.row_tokens} tokens", cure="raise train.row_tokens"
        )
    return plan
