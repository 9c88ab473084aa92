"""The kernel as loops that numba compiles."""

from __future__ import annotations

import numpy as np

from srdist.compiled import compiled


@compiled
def choice_scores(
    logits: np.ndarray, totals: np.ndarray, row: np.ndarray, first: np.ndarray, token: np.ndarray, scores: np.ndarray
) -> None:
    """Fill `scores`, float32 [choices]; the other arguments are those of `kernel.choice_scores`."""
    for run in range(len(row)):
        line = logits[row[run]]
        total = totals[row[run]]
        for choice in range(first[run], first[run + 1]):
            scores[choice] = line[token[choice]] - total


@compiled
def best_choices(
    score: np.ndarray,
    ended: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    beam: np.ndarray,
    first_beam: np.ndarray,
    limits: tuple[int, int],
    best: np.ndarray,
    origin: np.ndarray,
) -> None:
    """Fill score and origin of `kernel.Best`; the other arguments are those of `kernel.best_choices`.

    One pass over the choices; each is inserted into a short sorted list if it is better than the list's worst.
    """
    best[:] = -np.inf
    for search in range(len(first_beam) - 1):
        for index in range(first_beam[search], first_beam[search + 1]):
            for choice in range(begin[index], end[index]):
                kind = int(ended[choice])
                here, place = beam[index] + score[choice], limits[kind] - 1
                if here <= best[kind, search, place]:
                    continue
                while place > 0 and best[kind, search, place - 1] < here:
                    best[kind, search, place] = best[kind, search, place - 1]
                    origin[kind, search, place] = origin[kind, search, place - 1]
                    place -= 1
                best[kind, search, place] = here
                origin[kind, search, place, 0] = index
                origin[kind, search, place, 1] = choice
