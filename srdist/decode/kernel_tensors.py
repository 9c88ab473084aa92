"""The kernel as operations on tensors of any device."""

from __future__ import annotations

import torch


def choice_scores(
    logits: torch.Tensor, totals: torch.Tensor, row: torch.Tensor, first: torch.Tensor, token: torch.Tensor
) -> torch.Tensor:
    """Return float32 [choices]; the arguments are those of `kernel.choice_scores`, as tensors of one device."""
    row = row.repeat_interleave(first.diff(), output_size=len(token))
    return logits[row, token].float() - totals[row]


def best_choices(
    score: torch.Tensor,
    ended: torch.Tensor,
    begin: torch.Tensor,
    end: torch.Tensor,
    beam: torch.Tensor,
    first_beam: torch.Tensor,
    limits: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return score and origin of `kernel.Best`.

    The choices of a search are laid side by side in a matrix, a row a search, shorter rows padded.
    """
    size = end - begin
    before = size.cumsum(0) - size
    origin = torch.arange(len(begin), device=score.device).repeat_interleave(size)
    choice = torch.arange(len(origin), device=score.device) - (before - begin)[origin]
    offset = torch.cat([before, size.sum()[None]])[first_beam]
    search = torch.repeat_interleave(first_beam.diff())[origin]
    column = torch.arange(len(origin), device=score.device) - offset[search]
    value = beam[origin] + score[choice]
    searches = len(first_beam) - 1
    shape = searches, max(int(offset.diff().max()), *limits)
    best = value.new_full((2, searches, max(limits)), -torch.inf)
    origins = origin.new_zeros((2, searches, max(limits), 2))
    for kind, limit in enumerate(limits):
        matrix = value.new_full(shape, -torch.inf)
        matrix[search, column] = torch.where(ended[choice] == bool(kind), value, -torch.inf)
        best[kind, :, :limit], at = _largest(matrix, limit)
        flat = (at + offset[:-1, None]).clamp(max=len(origin) - 1)
        origins[kind, :, :limit] = torch.stack([origin[flat], choice[flat]], -1)
    return best, origins


def _largest(matrix: torch.Tensor, limit: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest values of each row and their columns; of equal ones the first ones.

    `topk` is quick where rows are long, as those of the first titles' tokens, but gives equal values in any order:
    rows that have some are sorted.
    """
    value, at = matrix.topk(min(limit + 1, matrix.shape[1]))
    if ((value[:, 1:] == value[:, :-1]) & value[:, 1:].isfinite()).any():
        value, at = matrix.sort(dim=1, descending=True, stable=True)
    return value[:, :limit], at[:, :limit]
