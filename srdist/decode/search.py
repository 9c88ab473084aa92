"""Beam search along the trie, for many queries and titles at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from srdist.decode.kernel import best_choices
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Place, Start, Walk


@dataclass(frozen=True)
class Found:
    """A title or passage that a search found.

    Attributes:
        number: its number.
        logprob: log-probability of its tokens, given what the search hangs from.
        slot: slot of the last of its tokens that was fed.
        fed: how many of its leading tokens were fed.
    """

    number: int
    logprob: float
    slot: int
    fed: int


def most_probable(found: Iterable[Found], keep: int, margin: float | None) -> list[Found]:
    """Return the `keep` best, most probable first, none more than `margin` nats below the first (None: no margin)."""
    best = sorted(found, key=lambda item: (-item.logprob, item.number))[:keep]
    return best if margin is None else [item for item in best if item.logprob >= best[0].logprob - margin]


@dataclass
class _Beam:
    place: Place
    score: float = 0.0
    known: int = 0  # tokens of the place's chain that the score includes

    @property
    def in_chain(self) -> bool:
        return self.known < len(self.place.chain)

    @property
    def choices(self) -> tuple[int, int]:
        """First and last choice of the walk that may follow."""
        if self.in_chain:
            first = self.place.forced.start + self.known
            return first, first + 1
        return self.place.edges.start, self.place.edges.stop


@dataclass
class _Search:
    live: list[_Beam]
    pool: list[Found] = field(default_factory=list)


def beam_search(
    tree: TokenTree, level: Level, starts: Sequence[Start], width: int, keep: int, *, within_beams: bool = False
) -> list[list[Found]]:
    """Find the most probable leaves below each start (paper, "Inference", steps 1 and 2).

    A plain token-synchronous beam search: the candidates of a step are all edges of the live beams; the `width`
    best of those that go on live on, the `keep` best of all that ended are the result. A search is over when no
    live beam is better than the worst of `keep` found leaves, as scores only fall; beams that are not better are
    given up at once, as nothing below them can be found. Equal scores are ordered by beam, then by edge.

    All searches share every forward, and a step whose scores are known needs none.

    Args:
        width: beams of each search.
        keep: leaves to find in each search.
        within_beams: count a leaf only if it is among the `width` best candidates of its step, as `generate` of
            transformers does; it finds no more.

    Returns:
        for each start at most `keep` leaves, best first.
    """
    walk = Walk(tree, level)
    searches = [_Search([_Beam(place)]) for place in walk.begin(starts)]
    while live := [search for search in searches if search.live]:
        unknown = [beam.place for search in live for beam in search.live if not beam.place.is_fed]
        if unknown:
            walk.feed(unknown)
        _step(live, walk, width, keep, within_beams)
    return [search.pool for search in searches]


def _step(searches: list[_Search], walk: Walk, width: int, keep: int, within_beams: bool) -> None:
    """Advance the beams of all searches by one token."""
    beams = [beam for search in searches for beam in search.live]
    begin, end = np.array([beam.choices for beam in beams], dtype=np.int64).T.copy()
    scores = np.array([beam.score for beam in beams])
    first_beam = np.cumsum([0, *(len(search.live) for search in searches)])
    limits = width, keep
    best = best_choices(walk.score, walk.ended, begin, end, scores, first_beam, limits)
    for search, alive, leaves in zip(searches, *best.rows(), strict=True):
        if within_beams:
            better = [rank + sum(other[0] > leaf[0] for other in alive) for rank, leaf in enumerate(leaves)]
            leaves = [leaf for leaf, others in zip(leaves, better, strict=True) if others < width]
        for score, beam, choice in leaves:
            place = beams[beam].place
            search.pool.append(Found(~int(walk.target[choice]), score, place.slot, place.fed))
        search.pool = most_probable(search.pool, keep, None)
        bound = search.pool[-1].logprob if len(search.pool) == keep else -np.inf
        search.live = [_advance(walk, beams[beam], choice, score) for score, beam, choice in alive if score > bound]


def _advance(walk: Walk, beam: _Beam, choice: int, score: float) -> _Beam:
    if beam.in_chain:
        return _Beam(beam.place, score, beam.known + 1)
    return _Beam(walk.follow(beam.place, choice), score)
