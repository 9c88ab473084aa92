"""Which passages must be assessed for an exact ranking, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from srdist.config.retrieve import RetrieveConfig
from srdist.decode.score import (
    WITHOUT_ASSESSMENT,
    final_scores,
    largest_passage_score,
    passage_scores,
    ranking,
    title_scores,
)

ROUNDING = 1e-9
"""A bound may be this much too small, as a share of it."""


class Judge:
    """Scores the passages of one query as their assessments come in.

    S_P is normalized within a title, so that S_T times the largest possible S_P bounds all its passages. The title of
    the highest bound is assessed next; a title whose bound is below the score of the `k`-th best passage so far is
    never assessed, and the `k` best are the same. There is no such bound where S_P is normalized over the query: then
    every passage is assessed. Where S_T alone ranks, none is; where the query likelihood ranks, all are asked about.

    Args:
        retrieve: form and temperatures of the scores.
        titles: log P(t|q) of the titles found, [titles].
        lengths: tokens of each title with its end, [titles].
        groups: index of each passage's title, [passages].
        logprobs: log P(p|q,t), [passages].
        copies: passages of the corpus with that title and text, [passages]; all of them are candidates.
        k: candidates that are wanted.

    Attributes:
        verdicts: float64 [passages, 2], P(rejection) and P(acceptance); NaN where a passage was not assessed.
        query_logprobs: log P(q|t,p), float64 [passages]; NaN where a passage was not asked about.
        title_scores: S_T, [titles].
    """

    def __init__(
        self,
        retrieve: RetrieveConfig,
        titles: Sequence[float],
        lengths: Sequence[int],
        groups: Sequence[int],
        logprobs: Sequence[float],
        copies: Sequence[int],
        k: int,
    ):
        self.retrieve, self.k = retrieve, k
        mean = np.array(lengths) if retrieve.title_score == "mean" else None
        self.title_logprobs = np.array(titles, dtype=np.float64)
        self.title_scores = title_scores(self.title_logprobs, retrieve.tau, mean)
        self.groups, self.copies = np.array(groups, dtype=np.int64), np.array(copies, dtype=np.int64)
        self.logprobs = np.array(logprobs, dtype=np.float64)
        self.verdicts = np.full((len(groups), 2), np.nan)
        self.query_logprobs = np.full(len(groups), np.nan)

    def needed(self) -> list[int]:
        """Return the passages to assess next, by index; none: the ranking is known."""
        waiting, how = np.isnan(self.verdicts[:, 0]), self.retrieve
        if how.assess != "all" and how.score in WITHOUT_ASSESSMENT:
            return []
        if how.assess == "all" or how.normalize_assessment == "query" or int(self.copies.sum()) <= self.k:
            return np.flatnonzero(waiting).tolist()
        threshold = self._threshold()
        bounds = {group: self._bounds[group] for group in np.unique(self.groups[waiting]).tolist()}
        possible = [group for group, bound in bounds.items() if bound * (1 + ROUNDING) >= threshold]
        if not possible:
            return []
        best = min(possible, key=lambda group: (-bounds[group], group))
        return np.flatnonzero(self.groups == best).tolist()

    def unasked(self) -> list[int]:
        """Return the passages whose query likelihood is needed, by index."""
        wanted = self.retrieve.score == "query_likelihood"
        return np.flatnonzero(np.isnan(self.query_logprobs)).tolist() if wanted else []

    def note_query(self, passage: int, logprob: float) -> None:
        """Take log P(q|t,p) of a passage."""
        self.query_logprobs[passage] = logprob

    def note(self, passage: int, verdicts: np.ndarray) -> None:
        """Take P(rejection) and P(acceptance) of a passage, float64 [2]."""
        self.verdicts[passage] = verdicts

    @property
    def assessed(self) -> int:
        """Number of passages that were assessed, or asked about."""
        return int((~np.isnan(self.verdicts[:, 0]) | ~np.isnan(self.query_logprobs)).sum())

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Return S_P and S, [passages]; NaN where an assessment or query likelihood is missing for it."""
        per_title = self.retrieve.normalize_assessment == "title"
        s_p = passage_scores(self.verdicts[:, 0], self.retrieve.delta, self.groups if per_title else None)
        of_title, titles = self.title_scores[self.groups], self.title_logprobs[self.groups]
        return s_p, final_scores(self.retrieve.score, of_title, s_p, self.logprobs, titles, self.query_logprobs)

    def ranking(self, numbers: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Return the `k` best candidates as (passage's index, number in the corpus), best first.

        Args:
            numbers: the numbers of each passage's copies in the corpus.
        """
        scores, logprobs = self.scores()[1], self.title_logprobs[self.groups] + self.logprobs
        pairs = [(i, number) for i in range(len(scores)) if not np.isnan(scores[i]) for number in numbers[i]]
        index = [i for i, _ in pairs]
        order = ranking(scores[index].tolist(), logprobs[index].tolist(), [number for _, number in pairs])
        return [pairs[place] for place in order[: self.k]]

    @cached_property
    def _bounds(self) -> np.ndarray:
        """Return for each title the largest S that one of its passages can have."""
        sizes = np.bincount(self.groups, minlength=len(self.title_scores))
        shares = np.array([largest_passage_score(max(1, size), self.retrieve.delta) for size in sizes])
        likeliest = np.full(len(sizes), -np.inf)
        np.maximum.at(likeliest, self.groups, self.logprobs)
        certain = np.zeros(len(sizes))  # log P(q|t,p)
        return final_scores(self.retrieve.score, self.title_scores, shares, likeliest, self.title_logprobs, certain)

    def _threshold(self) -> float:
        """Return the score of the `k`-th best candidate so far; below all scores where there are fewer."""
        scores = self.scores()[1]
        known = ~np.isnan(scores)
        best = np.sort(np.repeat(scores[known], self.copies[known]))[::-1]
        return float(best[self.k - 1]) if len(best) >= self.k else -np.inf


def known(value: np.ndarray) -> float | None:
    """Return a score or probability; None where it is NaN, as its passage was not assessed."""
    return None if np.isnan(value) else float(value)
