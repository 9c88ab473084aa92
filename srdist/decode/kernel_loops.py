"""The kernel as loops that numba compiles."""

from __future__ import annotations

import numpy as np

from srdist.compiled import compiled


@compiled
def choice_scores(
    logits: np.ndarray, totals: np.ndarray, row: np.ndarray, first: np.ndarray, token: np.ndarray
) -> np.ndarray:
    """Return float32 [choices]; the arguments are those of `kernel.choice_scores`."""
    scores = np.empty(len(token), np.float32)
    for run in range(len(row)):
        line = logits[row[run]]
        total = totals[row[run]]
        for choice in range(first[run], first[run + 1]):
            scores[choice] = line[token[choice]] - total
    return scores


@compiled
def best_choices(
    score: np.ndarray,
    ended: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    beam: np.ndarray,
    first_beam: np.ndarray,
    limits: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return count, score, beam and choice of `kernel.Best`, each for those that go on and for those that ended.

    One pass over the choices; each is inserted into a short sorted list if it is better than the list's worst.
    """
    searches, longest = len(first_beam) - 1, max(limits)
    count = np.zeros((2, searches), np.int64)
    value = np.empty((2, searches, longest), np.float64)
    origin = np.empty((2, searches, longest), np.int64)
    chosen = np.empty((2, searches, longest), np.int64)
    for search in range(searches):
        worst = [-np.inf, -np.inf]
        for index in range(first_beam[search], first_beam[search + 1]):
            for choice in range(begin[index], end[index]):
                here = beam[index] + score[choice]
                kind = int(ended[choice])
                if here <= worst[kind]:
                    continue
                if count[kind, search] < limits[kind]:
                    count[kind, search] += 1
                place = count[kind, search] - 1
                while place > 0 and value[kind, search, place - 1] < here:
                    value[kind, search, place] = value[kind, search, place - 1]
                    origin[kind, search, place] = origin[kind, search, place - 1]
                    chosen[kind, search, place] = chosen[kind, search, place - 1]
                    place -= 1
                value[kind, search, place] = here
                origin[kind, search, place] = index
                chosen[kind, search, place] = choice
                if count[kind, search] == limits[kind]:
                    worst[kind] = value[kind, search, limits[kind] - 1]
    return count, value, origin, chosen
