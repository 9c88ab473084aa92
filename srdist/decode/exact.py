"""Exact search along the trie: the most probable leaves, whatever a beam would have lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from srdist.decode.search import Found, most_probable
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Place, Start, Walk

AT_ONCE = 16
"""edges that a search follows at most before it looks for the best ones again"""


@dataclass
class _Search:
    """Best-first search of one query: what it found, and the edges that it has not followed.

    Attributes:
        score, place, choice: of each such edge: its score, the index of its place in `places`, and its choice.
    """

    keep: int
    margin: float | None
    places: list[Place] = field(default_factory=list)
    pool: list[Found] = field(default_factory=list)
    score: np.ndarray = field(default_factory=lambda: np.empty(0))
    place: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    choice: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def visit(self, walk: Walk, place: Place, score: float) -> None:
        """Note what the model says behind a place that was fed; `score` is that before its chain."""
        score += float(walk.score[place.forced].sum(dtype=np.float64))
        if place.target < 0:
            self.pool.append(Found(~place.target, score, place.slot, place.fed))
            return
        scores, choices = (
            score + walk.score[place.edges].astype(np.float64),
            np.arange(place.edges.start, place.edges.stop),
        )
        ended = walk.ended[place.edges]
        for leaf, choice in zip(scores[ended], choices[ended], strict=True):
            self.pool.append(Found(~int(walk.target[choice]), float(leaf), place.slot, place.fed))
        self.score = np.concatenate([self.score, scores[~ended]])
        self.choice = np.concatenate([self.choice, choices[~ended]])
        self.place = np.append(self.place, np.full(np.sum(~ended), len(self.places)))
        self.places.append(place)

    def take(self) -> list[tuple[Place, int, float]]:
        """Give up edges that can lead to nothing better than what was found; remove and return the best ones."""
        self.pool = most_probable(self.pool, self.keep, self.margin)
        bound = self.pool[-1].logprob if len(self.pool) == self.keep else -np.inf
        if self.margin is not None and self.pool:
            bound = max(bound, self.pool[0].logprob - self.margin)
        order = np.argsort(-self.score, kind="stable")
        order = order[self.score[order] >= bound]
        best, rest = np.split(order, [min(self.keep, AT_ONCE)])
        taken = [(self.places[self.place[edge]], int(self.choice[edge]), float(self.score[edge])) for edge in best]
        self.score, self.place, self.choice = self.score[rest], self.place[rest], self.choice[rest]
        return taken


def exact_search(
    tree: TokenTree, level: Level, starts: Sequence[Start], keep: int, margin: float | None = None
) -> tuple[list[list[Found]], list[int]]:
    """Find the `keep` most probable leaves below each start, by best-first search.

    Scores only fall, so that the score of an edge bounds all that lies behind it: a search is over when no edge
    that was not followed is as good as the worst of `keep` leaves found. It follows the `keep` best edges at
    once, `AT_ONCE` at most, and all searches share every forward. Leaves of equal score are ordered by number.

    Args:
        margin: leave out leaves that are more than so many nats below the best one; None: no margin.

    Returns:
        for each start at most `keep` leaves, best first; and the number of places that its search expanded.
    """
    walk = Walk(tree, level)
    searches = [_Search(keep, margin) for _ in starts]
    expansions = [0] * len(starts)
    taken = [(number, place, 0.0) for number, place in enumerate(walk.begin(starts))]
    while taken:
        unknown = [place for _, place, _ in taken if not place.is_fed]
        if unknown:
            walk.feed(unknown)
        for number, place, score in taken:
            expansions[number] += 1
            searches[number].visit(walk, place, score)
        taken = [
            (number, walk.follow(place, choice), score)
            for number, search in enumerate(searches)
            for place, choice, score in search.take()
        ]
    return [search.pool for search in searches], expansions
