"""Retrieval in the authors' stages: titles, then the passages of each title, every prompt encoded again for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from srdist.bench.reference.decoder import Ranking, cut_where_unique, generate, token_trie

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from srdist.trie import Trie


@dataclass
class StagedSearch:
    """Titles and passages by `generate` of transformers, constrained by nested dicts.

    Attributes:
        separator: tokens between title and passage; the first ends a title.
        end: token that ends a passage that is alone; in no passage.
        beams: beams of both searches; found: titles and passages of each title to find.
    """

    network: PreTrainedModel
    trie: Trie
    separator: Sequence[int]
    end: int
    beams: int
    found: tuple[int, int]
    _passages: dict[int, tuple[dict, int]] = field(default_factory=dict)

    def titles(self, prompts: Sequence[Sequence[int]]) -> list[Ranking]:
        """Return the titles of each prompt."""
        trie, longest = self._title_trie
        tries = [trie] * len(prompts)
        return generate(self.network, prompts, tries, longest, self.separator[0], self.beams, self.found[0])

    def passages(self, prompts: Sequence[Sequence[int]], titles: Sequence[Ranking]) -> list[list[Ranking]]:
        """Return the passages of each title of each prompt, all titles in one batch."""
        pairs = [(prompt, title) for prompt, ranking in zip(prompts, titles, strict=True) for title, _ in ranking]
        contexts = [[*prompt, *self.trie.title_tokens(title).tolist(), *self.separator] for prompt, title in pairs]
        tries, longest = zip(*(self._passage_trie(title) for _, title in pairs), strict=True)
        found = iter(generate(self.network, contexts, tries, max(longest), self.end, self.beams, self.found[1]))
        return [[next(found) for _ in ranking] for ranking in titles]

    @cached_property
    def _title_trie(self) -> tuple[dict, int]:
        """All titles, and the tokens of the longest."""
        titles = range(self.trie.n_titles)
        sequences = {title: [*self.trie.title_tokens(title).tolist(), self.separator[0]] for title in titles}
        return token_trie(sequences), max(map(len, sequences.values()))

    def _passage_trie(self, title: int) -> tuple[dict, int]:
        if title not in self._passages:
            trie, numbers = self.trie, {}
            for number in trie.passages_of(title):
                numbers.setdefault(tuple(trie.passage_tokens(number).tolist()), number)
            cuts = cut_where_unique(list(numbers), trie.passage_end)
            sequences = {number: [*cut, self.end] for number, cut in zip(numbers.values(), cuts, strict=True)}
            self._passages[title] = token_trie(sequences), max(map(len, sequences.values()))
        return self._passages[title]
