"""The whole training as a fixed list of rows, whatever the number of ranks."""

from __future__ import annotations

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
        indexes: [examples] the phase's examples, row after row.
        starts: [rows + 1] where each row begins in `indexes`.
    """

    phase: int
    number: int
    indexes: np.ndarray
    starts: np.ndarray


class Plan:
    """Rows and steps of a training: a function of seed, settings and example lengths alone.

    Phases follow each other, and their epochs; a row never mixes two epochs, a step may. The last step may
    have fewer rows than the others. Examples whose trained tokens all lie beyond `row_tokens` are left out.

    Args:
        phases: examples and number of epochs of each phase.
        row_tokens: tokens of a full row.
        rows_per_step: rows of one optimizer step over all ranks.
    """

    def __init__(self, phases: list[tuple[Examples, int]], seed: int, row_tokens: int, rows_per_step: int):
        self.phases = [examples for examples, _ in phases]
        self.row_tokens, self.rows_per_step = row_tokens, rows_per_step
        self.epochs = [
            self._epoch(phase, number, seed) for phase, (_, epochs) in enumerate(phases) for number in range(epochs)
        ]
        self._first_rows = np.cumsum([0, *(len(epoch.starts) - 1 for epoch in self.epochs)])

    def _epoch(self, phase: int, number: int, seed: int) -> Epoch:
        examples = self.phases[phase]
        order = shuffled(len(examples), seed, phase, number)
        order = order[self._trained(examples)[order] > 0]
        rows = pack(np.minimum(examples.lengths[order], self.row_tokens), self.row_tokens)
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows))])
        return Epoch(phase, number, order[np.argsort(rows, kind="stable")].astype(np.uint32), starts)

    def _trained(self, examples: Examples) -> np.ndarray:
        """Return the trained tokens of every example: [examples]."""
        return np.minimum(examples.lengths, self.row_tokens) - np.maximum(examples.prompts, 1)

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

    def _examples_of(self, row: int) -> tuple[Epoch, np.ndarray]:
        index = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        epoch = self.epochs[index]
        start, stop = epoch.starts[row - self._first_rows[index] :][:2]
        return epoch, epoch.indexes[start:stop]

    def row(self, row: int) -> Row:
        """Return the arrays of a row."""
        epoch, indexes = self._examples_of(row)
        return make_row(self.phases[epoch.phase], indexes, self.row_tokens)

    def epoch_of(self, row: int) -> Epoch:
        """Return the epoch that a row belongs to."""
        return self._examples_of(row)[0]

    def tokens(self, step: int) -> tuple[int, np.ndarray]:
        """Return all tokens of a step, and its trained tokens per task: [tasks] int64."""
        total, trained = 0, np.zeros(len(TASKS), dtype=np.int64)
        for row in self.step_rows(step):
            epoch, indexes = self._examples_of(row)
            examples = self.phases[epoch.phase]
            lengths = np.minimum(examples.lengths[indexes], self.row_tokens)
            total += int(lengths.sum())
            np.add.at(trained, examples.tasks[indexes], lengths - np.maximum(examples.prompts[indexes], 1))
        return total, trained

    @cached_property
    def facts(self) -> dict[str, int | float]:
        """Counts for the closing table; `padding` is the share of the rows' room that stays empty."""
        used = [np.minimum(self.phases[e.phase].lengths[e.indexes], self.row_tokens).sum() for e in self.epochs]
        trained = [self._trained(self.phases[e.phase])[e.indexes].sum() for e in self.epochs]
        return {
            "examples": sum(len(examples) for examples in self.phases),
            "examples_cut": sum(int((examples.lengths > self.row_tokens).sum()) for examples in self.phases),
            "examples_left_out": sum(int((self._trained(examples) <= 0).sum()) for examples in self.phases),
            "rows": self.rows,
            "steps": self.steps,
            "tokens": int(sum(used)),
            "trained_tokens": int(sum(trained)),
            "padding": round(1 - float(sum(used)) / (self.rows * self.row_tokens), 5),
        }


def make_plan(config: Config) -> Plan:
    """Open the mixture below the run's folder and plan the training.

    Raises:
        UserError: a partition is missing or damaged, a phase has no examples, or none fits into a row.
    """
    phases = [(Examples(config.run_dir / MIXTURE / phase.name), phase.epochs) for phase in config.mixture.phases]
    plan = Plan(phases, config.seed, config.train.row_tokens, config.train.rows_per_step)
    if plan.rows == 0:
        raise UserError(
            f"no example has a trained token within {config.train.row_tokens} tokens", cure="raise train.row_tokens"
        )
    return plan
