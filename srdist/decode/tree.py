"""A tree of tokens in the cache of one prompt: each token attends to its ancestors only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import DynamicCache

from srdist.decode.kernel import Choices
from srdist.decode.model import LanguageModel

DEPTH, FIRST, PARENT = range(3)
"""what is known of a slot: number of ancestors, first slot of the chain that it was added with, the slot that this
hangs from, or -1"""


class TokenTree:
    """One tree a row, in one cache; beams, passages and verdicts of a query hang from its encoded prompt.

    A token is known by its slot: its index in its row of the cache. Tokens are queued with `add`, what may
    follow them with `ask`; `run` sends everything queued through the model in one forward. Nothing in the cache
    is ever reordered: a dead beam's tokens stay there and are nobody's ancestors. Rows of different lengths are
    padded, which costs memory and changes nothing.

    Args:
        model: scores the tokens.
        prompts: one non-empty prompt a row; queued, so that they share the first forward with what is asked.

    Attributes:
        root: slot of the last token of every prompt.
    """

    def __init__(self, model: LanguageModel, prompts: Sequence[Sequence[int]]):
        self.model, self.cache = model, DynamicCache()
        self._slots = np.zeros((len(prompts), 0, 3), dtype=np.int64)  # [rows, slots, DEPTH | FIRST | PARENT]
        self._reset()
        longest = max(len(prompt) for prompt in prompts)
        for row, prompt in enumerate(prompts):
            padding = longest - len(prompt)  # on the left, so that all prompts end at one slot
            self.add(row, None, [0] * padding)
            self.add(row, None, prompt)
        self.root = longest - 1

    @property
    def length(self) -> int:
        """Slots of a row that went through the model."""
        return self._slots.shape[1]

    def _reset(self) -> None:
        rows = len(self._slots)
        self._tokens: list[list[int]] = [[] for _ in range(rows)]
        self._chains: list[list[tuple[int | None, int, int]]] = [[] for _ in range(rows)]  # parent, first slot, length
        self._asked: list[tuple[int, int, np.ndarray]] = []
        self._asked_tokens = 0

    def add(self, row: int, parent: int | None, tokens: Sequence[int]) -> int:
        """Queue a chain of tokens under a slot of the same row; None starts a new sequence.

        Returns:
            the slot of the first token; the others follow it one by one.
        """
        first = self.length + len(self._tokens[row])
        if len(tokens):
            self._chains[row].append((parent, first, len(tokens)))
            self._tokens[row].extend(int(token) for token in tokens)
        return first

    def ask(self, row: int, slot: int, tokens: np.ndarray) -> slice:
        """Ask for the scores of tokens that may follow a queued one.

        Returns:
            where the scores will stand in the result of `run`.
        """
        start = self._asked_tokens
        self._asked.append((row, slot - self.length, np.asarray(tokens, dtype=np.int64)))
        self._asked_tokens += len(tokens)
        return slice(start, self._asked_tokens)

    def ask_chain(self, row: int, slots: Sequence[int], tokens: Sequence[int]) -> slice:
        """Ask for the score of one token after each of some queued ones."""
        start = self._asked_tokens
        for slot, token in zip(slots, tokens, strict=True):
            self.ask(row, slot, np.array([token]))
        return slice(start, self._asked_tokens)

    def add_asked(self, row: int, slot: int, tokens: Sequence[int]) -> slice:
        """Queue tokens below a slot, but for the last one, and ask for the score of each."""
        first = self.add(row, slot, tokens[:-1])
        return self.ask_chain(row, [slot, *range(first, first + len(tokens) - 1)], tokens)

    def room(self) -> list[int]:
        """Return how many more tokens each row can take at hardly any cost."""
        queued = [len(tokens) for tokens in self._tokens]
        free = max(*queued, self.model.free_tokens // len(queued))
        return [free - tokens for tokens in queued]

    def run(self) -> np.ndarray:
        """Send the queued tokens through the model.

        Returns:
            float32, the log-probability of each token asked for, in the order of asking.
        """
        rows, before = len(self._slots), self.length
        new = max(len(tokens) for tokens in self._tokens)
        self._slots = np.pad(self._slots, ((0, 0), (0, new), (0, 0)))
        visible = np.zeros((rows, new, before + new), dtype=bool)
        visible[:, np.arange(new), np.arange(before, before + new)] = True
        tokens = np.zeros((rows, new), dtype=np.int64)
        for row in range(rows):
            tokens[row, : len(self._tokens[row])] = self._tokens[row]
            for parent, first, length in self._chains[row]:
                chain, depth = slice(first, first + length), 0
                for begin, end in self._way(row, parent):
                    visible[row, first - before : first - before + length, begin:end] = True
                    depth += end - begin
                visible[row, first - before : first - before + length, chain] = np.tri(length, dtype=bool)
                self._slots[row, chain, DEPTH] = np.arange(depth, depth + length)
                self._slots[row, chain, FIRST:] = first, -1 if parent is None else parent
        asked = Choices(
            row=np.array([row * new + index for row, index, _ in self._asked], dtype=np.int64),
            first=np.cumsum([0, *(len(following) for _, _, following in self._asked)]),
            token=np.concatenate([following for _, _, following in self._asked]),
        )
        self._reset()
        return self.model.score(tokens, self._slots[:, before:, DEPTH], visible, self.cache, asked)

    def _way(self, row: int, slot: int | None) -> list[tuple[int, int]]:
        """Return the slots of a token and its ancestors, as (begin, end) of chains, the last one first."""
        way = []
        while slot is not None and slot >= 0:
            first, parent = self._slots[row, slot, FIRST:].tolist()
            way.append((first, slot + 1))
            slot = parent
        return way

    def paths(self, places: Sequence[tuple[int, int]]) -> TokenTree:
        """Return a tree whose rows are the ways to some slots; what is added to it leaves this one as it is.

        Only the keys and values of a slot and its ancestors are copied: no other beam is looked at by what follows.

        Args:
            places: (row, slot) of each path's end, which is `root` in the new tree; nothing is queued here.
        """
        ways = [np.concatenate([np.arange(*chain) for chain in reversed(self._way(row, slot))]) for row, slot in places]
        longest = max(map(len, ways))
        slots = np.zeros((len(ways), longest), dtype=np.int64)
        rows = object.__new__(TokenTree)
        rows.model, rows.root, rows.cache = self.model, longest - 1, DynamicCache()
        rows._slots = np.zeros((len(ways), longest, 3), dtype=np.int64)
        for row, way in enumerate(ways):
            padding = longest - len(way)  # on the left, so that all paths end at one slot
            slots[row, padding:] = way
            rows._slots[row, -1] = len(way) - 1, padding, -1
        origin = torch.tensor([row for row, _ in places], device=self.model.device)[:, None]
        at = torch.from_numpy(slots).to(self.model.device)
        for number, layer in enumerate(self.cache.layers):
            keys, values = (part[origin, :, at].transpose(1, 2) for part in (layer.keys, layer.values))
            rows.cache.update(keys, values, number)
        rows._reset()
        return rows
