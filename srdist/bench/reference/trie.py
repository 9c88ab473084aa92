"""The constraint as nested dicts over whole sequences: slow, and easy to see that it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Symbol = tuple[int, bool]
"""A token, and whether it is the end of the sequence; a sequence may also hold that token inside."""


class ReferenceTrie:
    """Title and passage level, by full sequences.

    Args:
        titles: tokens of each title.
        passages: for each title, the tokens of its passages; passages are numbered title after title.
        title_end: token that ends a title.
        passage_end: token that ends a passage.
    """

    def __init__(
        self,
        titles: Sequence[Sequence[int]],
        passages: Sequence[Sequence[Sequence[int]]],
        title_end: int,
        passage_end: int,
    ):
        self.titles: dict = {}
        self.passages: list[dict] = []
        number = 0
        for title, (tokens, texts) in enumerate(zip(titles, passages, strict=True)):
            _insert(self.titles, tokens, title_end, title)
            self.passages.append({})
            for text in texts:
                _insert(self.passages[-1], text, passage_end, number)
                number += 1

    def title_choices(self, prefix: Sequence[int]) -> dict[Symbol, list[int]]:
        """Return what may follow the first tokens of a title: each symbol with the titles behind it."""
        return _choices(self.titles, prefix)

    def passage_choices(self, title: int, prefix: Sequence[int]) -> dict[Symbol, list[int]]:
        """Return what may follow the first tokens of a passage: each symbol with the passages behind it."""
        return _choices(self.passages[title], prefix)

    def passage_is_unique(self, title: int, prefix: Sequence[int]) -> bool:
        """Tell whether all passages of the title that begin with `prefix` have the same tokens."""
        node = _walk(self.passages[title], prefix)
        return _sequences(node) == 1

    def title_paths(self) -> list[tuple[tuple[int, ...], list[int]]]:
        """Return all titles, each as its tokens with the end and the numbers of those that have them, sorted."""
        return sorted(_paths(self.titles, ()))

    def passage_paths(self, title: int) -> list[tuple[tuple[int, ...], list[int]]]:
        """Return the passages of a title up to the token from which they are alone, with their numbers, sorted.

        The path of the only passage is empty.
        """
        return sorted(_cut_paths(self.passages[title], ()))


def _insert(node: dict, tokens: Sequence[int], end: int, number: int) -> None:
    for token in tokens:
        node = node.setdefault((int(token), False), {})
    node.setdefault((end, True), []).append(number)


def _walk(node: dict, prefix: Sequence[int]) -> dict:
    for token in prefix:
        node = node[int(token), False]
    return node


def _choices(node: dict, prefix: Sequence[int]) -> dict[Symbol, list[int]]:
    return {symbol: sorted(_numbers(child)) for symbol, child in _walk(node, prefix).items()}


def _numbers(node: Any) -> list[int]:
    return node if isinstance(node, list) else [number for child in node.values() for number in _numbers(child)]


def _sequences(node: Any) -> int:
    return 1 if isinstance(node, list) else sum(_sequences(child) for child in node.values())


def _paths(node: Any, path: tuple[int, ...]) -> list[tuple[tuple[int, ...], list[int]]]:
    if isinstance(node, list):
        return [(path, node)]
    return [found for (token, _), child in node.items() for found in _paths(child, (*path, token))]


def _cut_paths(node: Any, path: tuple[int, ...]) -> list[tuple[tuple[int, ...], list[int]]]:
    if _sequences(node) == 1:
        return [(path, sorted(_numbers(node)))]
    return [found for (token, _), child in node.items() for found in _cut_paths(child, (*path, token))]
