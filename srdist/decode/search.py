"""Beam search along the trie, for many queries and titles at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from srdist.decode.tree import TokenTree

if TYPE_CHECKING:
    from srdist.trie import Edges, Trie


@dataclass(frozen=True)
class Level:
    """One level of the trie, as the search walks it.

    Attributes:
        edges: gives the edges of inner nodes, ordered by node.
        chain: gives the tokens that are forced after an edge's own token.
        end: token that ends every leaf and belongs to its score; None: a leaf ends with its edge's token. A title
            may also hold this token in its middle, so that only one with an empty chain has ended.
    """

    edges: Callable[[np.ndarray], Edges]
    chain: Callable[[int], np.ndarray]
    end: int | None

    @classmethod
    def titles(cls, trie: Trie) -> Level:
        """Titles, scored to their end token."""
        return cls(trie.title_edges, trie.title_chain, trie.title_end)

    @classmethod
    def passages(cls, trie: Trie) -> Level:
        """Passages of one title, scored until no other begins alike."""
        return cls(trie.passage_edges, trie.passage_chain, None)


@dataclass(frozen=True)
class Start:
    """Where one search begins.

    Attributes:
        row: row of the token tree.
        slot: slot in it that the search hangs from.
        tokens: tokens to feed first; they have no score.
        node: inner node of the trie to search from.
    """

    row: int
    slot: int
    tokens: Sequence[int]
    node: int


@dataclass(frozen=True)
class Found:
    """A title or passage that a search found.

    Attributes:
        number: its number.
        logprob: log-probability of its tokens, given what the search hangs from.
        slot: slot of the last token that was fed.
        fed: how many of its leading tokens were fed.
    """

    number: int
    logprob: float
    slot: int
    fed: int


@dataclass
class _Beam:
    row: int
    slot: int  # of the last token before `pending`; once fed, of the last token of all
    pending: Sequence[int]  # tokens to feed before the chain
    target: int
    chain: np.ndarray  # tokens forced on the way to the target
    score: float
    fed: int  # leading tokens of the leaf that are fed once this beam is
    waiting: bool = True  # not fed yet
    known: int = 0  # chain tokens that `score` includes
    chain_scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    children: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # scores, tokens, targets

    @property
    def forced(self) -> np.ndarray:
        """Chain tokens to feed: nothing is asked after the last one of a leaf."""
        return self.chain if self.target >= 0 else self.chain[:-1]


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

    Forwards are saved, not beams: the tokens that are forced after an edge are scored in the forward that enters
    it, and steps whose scores are known need none. All searches share every forward.

    Args:
        width: beams of each search.
        keep: leaves to find in each search.

    Returns:
        for each start at most `keep` leaves, best first.
    """
    searches = [_Search([_first_beam(level, start)]) for start in starts]
    while any(search.live for search in searches):
        _feed(tree, level, [beam for search in searches for beam in search.live if beam.waiting])
        for search in searches:
            if search.live:
                _step(search, level, width, keep)
    return [search.pool for search in searches]


def _first_beam(level: Level, start: Start) -> _Beam:
    """Return the beam at a start; where all leaves begin alike, with their common tokens as its chain."""
    edges = level.edges(np.array([start.node], dtype=np.int64))
    target, chain = start.node, np.empty(0, dtype=np.int64)
    if len(edges.target) == 1:
        target = int(edges.target[0])
        chain = np.append(edges.token, level.chain(target))
    beam = _Beam(start.row, start.slot, start.tokens, target, chain, score=0.0, fed=0)
    beam.fed = len(beam.forced)
    return beam


def _feed(tree: TokenTree, level: Level, beams: list[_Beam]) -> None:
    """Send the beams' pending tokens and chains through the model; note the scores of what may follow."""
    if not beams:
        return
    inner = [beam for beam in beams if beam.target >= 0]
    edges = level.edges(np.array([beam.target for beam in inner], dtype=np.int64))
    bounds = np.searchsorted(edges.source, np.arange(len(inner) + 1))
    edges_of = {id(beam): slice(*bounds[index : index + 2]) for index, beam in enumerate(inner)}
    asked: list[tuple[_Beam, list[slice], slice | None]] = []
    for beam in beams:
        first = tree.add(beam.row, beam.slot, [*beam.pending, *beam.forced])
        slots = [beam.slot, *range(first, first + len(beam.pending) + len(beam.forced))][len(beam.pending) :]
        chain = [tree.ask(beam.row, slot, beam.chain[at : at + 1]) for at, slot in enumerate(slots[: len(beam.chain)])]
        children = tree.ask(beam.row, slots[-1], edges.token[edges_of[id(beam)]]) if beam.target >= 0 else None
        asked.append((beam, chain, children))
        beam.slot, beam.waiting = slots[-1], False
    scores = tree.run()
    for beam, chain, children in asked:
        if chain:
            beam.chain_scores = np.concatenate([scores[part] for part in chain])
        if children is not None:
            where = edges_of[id(beam)]
            beam.children = scores[children], edges.token[where], edges.target[where]


def _step(search: _Search, level: Level, width: int, keep: int) -> None:
    """Advance the beams of one search by one token."""
    parts = [_candidates(beam, level) for beam in search.live]
    score, token, target, ended = (np.concatenate(column) for column in zip(*parts, strict=True))
    origin = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    for index in _best(score, token, target, ended, keep):
        beam = search.live[origin[index]]
        search.pool.append(Found(~int(target[index]), float(score[index]), beam.slot, beam.fed))
    search.pool = sorted(search.pool, key=lambda found: (-found.logprob, found.number))[:keep]
    bound = search.pool[-1].logprob if len(search.pool) == keep else -np.inf
    survivors = [index for index in _best(score, token, target, ~ended, width) if score[index] > bound]
    search.live = [_advance(level, search.live[origin[i]], score[i], token[i], target[i]) for i in survivors]


def _candidates(beam: _Beam, level: Level) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return score, token, target and whether it ends there, of every token that may follow a beam."""
    if beam.known < len(beam.chain):
        here = slice(beam.known, beam.known + 1)
        ended = np.array([beam.target < 0 and beam.known + 1 == len(beam.chain)])
        return beam.score + beam.chain_scores[here], beam.chain[here], np.array([beam.target]), ended
    scores, token, target = beam.children
    ended = target < 0
    if level.end is not None:
        ended &= token == level.end
        for index in np.flatnonzero(ended):
            ended[index] = len(level.chain(int(target[index]))) == 0
    return beam.score + scores, token, target, ended


def _best(score: np.ndarray, token: np.ndarray, target: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` best allowed candidates, best first."""
    index = np.flatnonzero(allowed)
    if len(index) > count:
        worst = np.partition(score[index], -count)[-count]
        index = index[score[index] >= worst]
    return index[np.lexsort((target[index], token[index], -score[index]))][:count]


def _advance(level: Level, beam: _Beam, score: float, token: int, target: int) -> _Beam:
    if beam.known < len(beam.chain):
        beam.known, beam.score = beam.known + 1, float(score)
        return beam
    longer = _Beam(beam.row, beam.slot, [int(token)], int(target), level.chain(int(target)), float(score), beam.fed + 1)
    longer.fed += len(longer.forced)
    return longer
