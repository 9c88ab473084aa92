"""Beam search along the trie, for many queries and titles at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

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


@dataclass
class _Beam:
    place: Place
    score: float
    known: int = 0  # tokens of the place's chain that the score includes


@dataclass
class _Search:
    live: list[_Beam]
    pool: list[Found] = field(default_factory=list)


def beam_search(tree: TokenTree, level: Level, starts: Sequence[Start], width: int, keep: int) -> list[list[Found]]:
    """Find the most probable leaves below each start (paper, "Inference", steps 1 and 2).

    A plain token-synchronous beam search: the candidates of a step are all edges of the live beams; the `width`
    best of those that go on live on, the `keep` best of all that ended are the result. A search is over when no
    live beam is better than the worst of `keep` found leaves, as scores only fall; beams that are not better are
    given up at once, as nothing below them can be found. Equal scores are ordered by token, then by target.

    All searches share every forward, and a step whose scores are known needs none.

    Args:
        width: beams of each search.
        keep: leaves to find in each search.

    Returns:
        for each start at most `keep` leaves, best first.
    """
    walk = Walk(tree, level)
    searches = [_Search([_Beam(walk.begin(start), 0.0)]) for start in starts]
    while any(search.live for search in searches):
        unknown = [beam.place for search in searches for beam in search.live if not beam.place.is_fed]
        if unknown:
            walk.feed(unknown)
        for search in searches:
            if search.live:
                _step(search, walk, width, keep)
    return [search.pool for search in searches]


def _step(search: _Search, walk: Walk, width: int, keep: int) -> None:
    """Advance the beams of one search by one token."""
    parts = [_candidates(beam) for beam in search.live]
    score, token, target, ended = (np.concatenate(column) for column in zip(*parts, strict=True))
    sizes = [len(part[0]) for part in parts]
    origin = np.repeat(np.arange(len(parts)), sizes)
    edge = np.concatenate([np.arange(size) for size in sizes])
    for index in _best(score, token, target, ended, keep):
        place = search.live[origin[index]].place
        search.pool.append(Found(~int(target[index]), float(score[index]), place.slot, place.fed))
    search.pool = sorted(search.pool, key=lambda found: (-found.logprob, found.number))[:keep]
    bound = search.pool[-1].logprob if len(search.pool) == keep else -np.inf
    survivors = [index for index in _best(score, token, target, ~ended, width) if score[index] > bound]
    search.live = [_advance(walk, search.live[origin[i]], int(edge[i]), float(score[i])) for i in survivors]


def _candidates(beam: _Beam) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return score, token, target and whether it ends there, of every token that may follow a beam."""
    place = beam.place
    if beam.known == len(place.chain):
        return beam.score + place.scores, place.token, place.following, place.ended
    here = slice(beam.known, beam.known + 1)
    ended = np.array([place.target < 0 and beam.known + 1 == len(place.chain)])
    return beam.score + place.chain_scores[here], place.chain[here], np.array([place.target]), ended


def _advance(walk: Walk, beam: _Beam, edge: int, score: float) -> _Beam:
    if beam.known == len(beam.place.chain):
        return _Beam(walk.follow(beam.place, edge), score)
    return _Beam(beam.place, score, beam.known + 1)


def _best(score: np.ndarray, token: np.ndarray, target: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` best allowed candidates, best first."""
    index = np.flatnonzero(allowed)
    if len(index) > count:
        worst = np.partition(score[index], -count)[-count]
        index = index[score[index] >= worst]
    return index[np.lexsort((target[index], token[index], -score[index]))][:count]
