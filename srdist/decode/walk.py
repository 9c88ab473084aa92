"""The model's walk along the trie: which places it has been to, and what it expects to follow there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    def passages(cls, trie: Trie, end: int | None = None) -> Level:
        """Passages of one title, scored until no other begins alike; with `end`, that token after it, too."""
        if end is None:
            return cls(trie.passage_edges, trie.passage_chain, None)
        last = np.array([end])
        return cls(trie.passage_edges, lambda target: last if target < 0 else trie.passage_chain(target), end)

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
    """A node or leaf of the trie and the way to it.

    Attributes:
        row: row of the token tree.
        slot: slot before `tokens`; once fed, slot of the last token on the way.
        tokens: the way's first tokens, whose scores are known or not wanted.
        chain: the forced tokens after them, whose scores are wanted.
        target: inner node (>= 0) or `~number` of a leaf.
        fed: how many leading tokens of the leaves below are in the tree once the place is fed.
        is_fed: whether the model has been here; all that follows is empty before.
        forced: choices of the walk: the tokens of the chain.
        edges: choices of the walk: the edges from here.
        ahead: places behind edges, by their choice, that were fed before anyone asked for them.
    """

    row: int
    slot: int
    tokens: Sequence[int]
    chain: np.ndarray
    target: int
    fed: int
    is_fed: bool = False
    forced: slice = field(default_factory=lambda: slice(0, 0))
    edges: slice = field(default_factory=lambda: slice(0, 0))
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

    Attributes:
        score: float32 [choices or more], log-probability of each token that may follow a place that was fed.
        token, target: int64 [choices], the token, and the inner node or `~number` of the leaf that it leads to.
        ended: bool [choices], whether that leaf ends with it.
    """

    def __init__(self, tree: TokenTree, level: Level):
        self.tree, self.level = tree, level
        self.score, self.ended = np.empty(0, dtype=np.float32), np.empty(0, dtype=bool)
        self.token, self.target = _nothing(), _nothing()
        self._size = 0
        self._asked: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._edges: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def begin(self, starts: Sequence[Start]) -> list[Place]:
        """Return the place of each start; where all leaves begin alike, behind their common tokens."""
        self._know(start.node for start in starts)
        return [self._begin(start, *self._edges[start.node]) for start in starts]

    def _begin(self, start: Start, token: np.ndarray, target: np.ndarray, _: np.ndarray) -> Place:
        if len(target) != 1:
            return Place(start.row, start.slot, start.tokens, _nothing(), start.node, fed=0)
        only = int(target[0])
        chain = np.append(token, self.level.chain(only))
        return Place(start.row, start.slot, start.tokens, chain, only, fed=len(chain) - (only < 0))

    def follow(self, place: Place, choice: int) -> Place:
        """Return the place behind an edge; not fed yet, unless it was looked ahead at."""
        if choice in place.ahead:
            return place.ahead[choice]
        return self._behind(place, int(self.token[choice]), int(self.target[choice]))

    def _behind(self, place: Place, token: int, target: int) -> Place:
        chain = self.level.chain(target)
        return Place(place.row, place.slot, [token], chain, target, place.fed + 1 + len(chain) - (target < 0))

    def feed(self, places: Sequence[Place]) -> None:
        """Send places through the model in one forward."""
        room = self.tree.room()
        while places:
            for place in places:
                self._queue(place)
            inner = [place for place in places if place.target >= 0]
            self._know(place.target for place in inner)
            for place in inner:
                token, target, ended = self._edges[place.target]
                place.edges = self._ask(self.tree.ask(place.row, place.slot, token), token, target, ended)
            places = [other for place in inner for other in self._look_ahead(place, room)]
        self._note(self.tree.run())

    def _queue(self, place: Place) -> None:
        """Queue the tokens of a place and ask for the scores of its chain."""
        tokens = place.to_feed
        first = self.tree.add(place.row, place.slot, tokens)
        slots = [place.slot, *range(first, first + len(tokens))][len(place.tokens) :]
        size = len(place.chain)
        ended = np.zeros(size, dtype=bool)
        ended[-1:] = place.target < 0
        where = self.tree.ask_chain(place.row, slots[:size], place.chain)
        place.forced = self._ask(where, place.chain, np.full(size, place.target), ended)
        place.slot, place.is_fed = slots[-1], True

    def _ask(self, where: slice, token: np.ndarray, target: np.ndarray, ended: np.ndarray) -> slice:
        """Note choices whose scores were asked for; return which ones of the walk they will be."""
        self._asked.append((token, target, ended))
        return slice(self._size + where.start, self._size + where.stop)

    def _note(self, scores: np.ndarray) -> None:
        """Append the choices that were asked for; the arrays grow by more than that, so that few copies are made."""
        first, last = self._size, self._size + len(scores)
        if last > len(self.score):
            self.score, self.token, self.target, self.ended = (
                np.concatenate([old[:first], np.empty(2 * last - first, old.dtype)])
                for old in (self.score, self.token, self.target, self.ended)
            )
        self.score[first:last] = scores
        for column, parts in zip((self.token, self.target, self.ended), zip(*self._asked, strict=True), strict=True):
            np.concatenate(parts, out=column[first:last])
        self._size, self._asked = last, []

    def _know(self, nodes: Iterable[int]) -> None:
        """Look up the edges of nodes that the walk has not met yet."""
        new = np.array(sorted(set(nodes) - self._edges.keys()), dtype=np.int64)
        if len(new):
            edges = self.level.edges(new)
            ended = self.level.ended(edges.token, edges.target)
            bounds = np.searchsorted(edges.source, np.arange(1, len(new)))
            columns = (np.split(column, bounds) for column in (edges.token, edges.target, ended))
            self._edges.update(zip(new.tolist(), zip(*columns, strict=True), strict=True))

    def _look_ahead(self, place: Place, room: list[int]) -> list[Place]:
        """Return the places behind a place, if there is room for all of them."""
        token, target, ended = self._edges[place.target]
        edges = np.flatnonzero(~ended)
        if len(edges) > room[place.row]:
            return []
        ahead = {place.edges.start + int(e): self._behind(place, int(token[e]), int(target[e])) for e in edges}
        cost = sum(len(other.to_feed) for other in ahead.values())
        if cost > room[place.row]:
            return []
        room[place.row] -= cost
        place.ahead = ahead
        return list(ahead.values())
