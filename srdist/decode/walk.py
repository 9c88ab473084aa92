"""The model's walk along the trie: which places it has been to, and what it expects to follow there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from srdist.decode.tree import TokenTree

if TYPE_CHECKING:
    from srdist.trie import Edges, Trie


def _nothing() -> np.ndarray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Level:
    """One level of the trie, as the search walks it.

    Attributes:
        edges: gives the edges of inner nodes, ordered by node.
        chain: gives the tokens that are forced after an edge's own token.
        end: token that ends every leaf and belongs to its score; None: a leaf ends with its edge's token.
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

    def ended(self, token: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Tell of each edge whether its leaf ends with its token; a title may hold the end token in its middle."""
        ended = target < 0
        if self.end is not None:
            ended &= token == self.end
            for index in np.flatnonzero(ended):
                ended[index] = len(self.chain(int(target[index]))) == 0
        return ended


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


@dataclass
class Place:
    """A node or leaf of the trie, the way to it, and the scores that the model gave once it was there.

    Attributes:
        row: row of the token tree.
        slot: slot before `tokens`; once fed, slot of the last token on the way.
        tokens: the way's first tokens, whose scores are known or not wanted.
        chain: the forced tokens after them, whose scores are wanted.
        target: inner node (>= 0) or `~number` of a leaf.
        fed: how many leading tokens of the leaves below are in the tree once the place is fed.
        is_fed: whether the model has been here; all that follows is empty before.
        chain_scores: log-probability of each token of the chain.
        token, following, ended, scores: of each edge from here: its token, target, whether that ends a leaf, and
            the token's log-probability.
        ahead: places behind edges, by the edge's index, that were fed before anyone asked for them.
    """

    row: int
    slot: int
    tokens: Sequence[int]
    chain: np.ndarray
    target: int
    fed: int
    is_fed: bool = False
    chain_scores: np.ndarray = field(default_factory=_nothing)
    token: np.ndarray = field(default_factory=_nothing)
    following: np.ndarray = field(default_factory=_nothing)
    ended: np.ndarray = field(default_factory=_nothing)
    scores: np.ndarray = field(default_factory=_nothing)
    ahead: dict[int, Place] = field(default_factory=dict)

    @property
    def to_feed(self) -> list[int]:
        """Tokens that the model must read: all on the way, but not the last one of a leaf."""
        return [*self.tokens, *(self.chain if self.target >= 0 else self.chain[:-1])]


class Walk:
    """Feeds places to the model and looks ahead where that costs nothing.

    What is forced after an edge is fed together with it. A forward of few tokens takes as long as one of some
    more, and shorter rows are padded: that room is filled with the next places on the way.

    Args:
        tree: its rows grow.
        level: where to walk.
    """

    def __init__(self, tree: TokenTree, level: Level):
        self.tree, self.level = tree, level

    def begin(self, start: Start) -> Place:
        """Return the place of a start; where all leaves begin alike, behind their common tokens."""
        edges = self.level.edges(np.array([start.node], dtype=np.int64))
        if len(edges.target) != 1:
            return Place(start.row, start.slot, start.tokens, _nothing(), start.node, fed=0)
        target = int(edges.target[0])
        chain = np.append(edges.token, self.level.chain(target))
        return Place(start.row, start.slot, start.tokens, chain, target, fed=len(chain) - (target < 0))

    def follow(self, place: Place, edge: int) -> Place:
        """Return the place behind an edge; not fed yet, unless it was looked ahead at."""
        if edge in place.ahead:
            return place.ahead[edge]
        target = int(place.following[edge])
        chain = self.level.chain(target)
        fed = place.fed + 1 + len(chain) - (target < 0)
        return Place(place.row, place.slot, [int(place.token[edge])], chain, target, fed)

    def feed(self, places: Sequence[Place]) -> None:
        """Send places through the model in one forward."""
        asked = [self._queue(place) for place in places]
        generation = self._with_edges(places)
        room = self.tree.room()
        while generation:
            asked += [(place, "scores", self.tree.ask(place.row, place.slot, place.token)) for place in generation]
            ahead = [other for place in generation for other in self._look_ahead(place, room)]
            asked += [self._queue(place) for place in ahead]
            generation = self._with_edges(ahead)
        scores = self.tree.run()
        for place, name, where in asked:
            setattr(place, name, scores[where])

    def _queue(self, place: Place) -> tuple[Place, str, slice]:
        """Queue the tokens of a place and ask for the scores of its chain."""
        tokens = place.to_feed
        first = self.tree.add(place.row, place.slot, tokens)
        slots = [place.slot, *range(first, first + len(tokens))][len(place.tokens) :]
        where = self.tree.ask_chain(place.row, slots[: len(place.chain)], place.chain)
        place.slot, place.is_fed = slots[-1], True
        return place, "chain_scores", where

    def _with_edges(self, places: Sequence[Place]) -> list[Place]:
        """Note the edges of all inner places; return these places."""
        inner = [place for place in places if place.target >= 0]
        if inner:
            edges = self.level.edges(np.array([place.target for place in inner], dtype=np.int64))
            bounds = np.searchsorted(edges.source, np.arange(len(inner) + 1))
            for place, begin, end in zip(inner, bounds[:-1], bounds[1:], strict=True):
                place.token, place.following = edges.token[begin:end], edges.target[begin:end]
                place.ended = self.level.ended(place.token, place.following)
        return inner

    def _look_ahead(self, place: Place, room: list[int]) -> list[Place]:
        """Return the places behind a place, if there is room for all of them."""
        edges = np.flatnonzero(~place.ended)
        if len(edges) > room[place.row]:
            return []
        ahead = {int(edge): self.follow(place, int(edge)) for edge in edges}
        cost = sum(len(other.to_feed) for other in ahead.values())
        if cost > room[place.row]:
            return []
        room[place.row] -= cost
        place.ahead = ahead
        return list(ahead.values())
