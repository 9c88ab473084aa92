"""What a step of the search does after the logits: scores of the allowed tokens, and the best of them.

Neither a mask nor a normalised distribution over the vocabulary is ever made: the logits of the allowed tokens are
gathered, and the logarithm of the row's sum of exponentials is taken off: by compiled loops from float32 logits in the
CPU's memory, by tensor operations from all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from srdist.decode.kernel_loops import best_choices as best_by_loops
from srdist.decode.kernel_loops import choice_scores as scores_by_loops

CPU_CHUNK, DEVICE_CHUNK = 1 << 18, 1 << 25
"""logits that are exponentiated together: as many as the CPU keeps in its cache; as many as cost little memory"""
PIECE = 1 << 16
"""tokens whose exponentials are summed in one go"""


@dataclass(frozen=True)
class Choices:
    """Tokens that may follow, in runs: those after one token of the tree each.

    Attributes:
        row: int64 [runs], row of the logits.
        first: int64 [runs + 1], where each run begins in `token`, and where the last one ends.
        token: int64 [choices].
    """

    row: np.ndarray
    first: np.ndarray
    token: np.ndarray


@dataclass(frozen=True)
class Best:
    """The best choices of each search, best first: [0] those that go on, [1] those that ended.

    Attributes:
        score: float64 [2, searches, limit], the beam's score plus the choice's; -inf where there are no more.
        origin: int64 [2, searches, limit, 2], index of the beam and of the choice.
    """

    score: np.ndarray
    origin: np.ndarray

    def rows(self) -> list[list[list[tuple[float, int, int]]]]:
        """Return score, beam and choice of each that was found, [2][searches]."""
        return [
            [
                [(score, *origin) for score, origin in zip(*row, strict=True) if score > -np.inf]
                for row in zip(*kind, strict=True)
            ]
            for kind in zip(self.score.tolist(), self.origin.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Rows:
    """What log-probabilities are made of, where it is read: arrays for the loops, else tensors.

    Attributes:
        logits: [rows, vocabulary].
        totals: float32 [rows], the logarithm of each row's sum of exponentials.
    """

    logits: np.ndarray | torch.Tensor
    totals: np.ndarray | torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor) -> Rows:
        """Take the logits [rows, vocabulary] of a forward, of any type and on any device."""
        totals = log_totals(logits)
        if logits.is_cpu and logits.dtype == torch.float32:
            return cls(logits.numpy(), totals.numpy())
        return cls(logits, totals)


def log_totals(logits: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of each row's sum of exponentials, float32 [rows], from logits [rows, vocabulary].

    As the difference of a row's largest logit and its log_softmax, for a few rows and at most `PIECE` tokens at a
    time: on a CPU torch computes that in half of the time of logsumexp, but less exactly the longer the rows are.
    """
    chunk = CPU_CHUNK if logits.device.type == "cpu" else DEVICE_CHUNK
    rows = max(1, chunk // logits.shape[1])
    return torch.cat([_piecewise(part) for part in logits.split(rows)])


def _piecewise(logits: torch.Tensor) -> torch.Tensor:
    pieces = ((piece, piece.log_softmax(-1, dtype=torch.float32)) for piece in logits.split(PIECE, dim=-1))
    totals = [piece.amax(-1).float() - logprobs.amax(-1) for piece, logprobs in pieces]
    return torch.stack(totals, -1).logsumexp(-1) if len(totals) > 1 else totals[0]


def choice_scores(rows: Rows, choices: Choices) -> np.ndarray:
    """Return the log-probability of each choice under the softmax over the whole vocabulary, float32 [choices]."""
    if isinstance(rows.logits, np.ndarray):
        scores = np.empty(len(choices.token), np.float32)
        scores_by_loops(rows.logits, rows.totals, choices.row, choices.first, choices.token, scores)
        return scores
    device = rows.logits.device
    row, first, token = (torch.from_numpy(a).to(device) for a in (choices.row, choices.first, choices.token))
    row = row.repeat_interleave(first.diff(), output_size=len(token))
    return (rows.logits[row, token].float() - rows.totals[row]).cpu().numpy()


def best_choices(
    score: np.ndarray,
    ended: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    beam: np.ndarray,
    first_beam: np.ndarray,
    limits: tuple[int, int],
) -> Best:
    """Return the best choices of each search that go on, and the best ones that ended.

    Equal ones are taken in the order of the beams, then of the choices.

    Args:
        score: float32 [choices].
        ended: bool [choices].
        begin, end: int64 [beams], the choices of each beam, at least one.
        beam: float64 [beams], score of each beam.
        first_beam: int64 [searches + 1], the beams of each search.
        limits: how many to return for each search at most, of those that go on and of those that ended.
    """
    shape = 2, len(first_beam) - 1, max(limits)
    best = Best(np.empty(shape), np.empty((*shape, 2), np.int64))  # made here: compiled code is slower to
    best_by_loops(score, ended, begin, end, beam, first_beam, limits, best.score, best.origin)
    return best
