"""Title and passage search, as `srdist bench decode` measures it: against `generate` of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose

from srdist.bench.figures import Figure
from srdist.bench.reference.decoder import Ranking
from srdist.bench.reference.staged import StagedSearch
from srdist.bench.timing import least_seconds
from srdist.decode.model import LanguageModel
from srdist.decode.search import Found, beam_search
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Start
from srdist.trie import Trie

Results = list[list[tuple[tuple[int, float], Ranking]]]
"""of each query, its titles, each with its passages; numbers and log-probabilities"""


@dataclass(frozen=True)
class Setting:
    """What is searched, and how: a batch of prompts over a trie.

    Attributes:
        separator: tokens between title and passage; the first one ends a title.
        end: token that transformers has to generate after a passage that is alone.
        beams: of both searches.
        found: titles to find, and passages of each.
    """

    model: LanguageModel
    trie: Trie
    prompts: Sequence[Sequence[int]]
    separator: Sequence[int]
    end: int
    beams: int = 10
    found: tuple[int, int] = (5, 10)

    def ours(self, *, as_transformers: bool = False) -> Results:
        """Search along the trie; with `as_transformers`, by its rules of what counts."""
        trie, (n_titles, n_passages) = self.trie, self.found
        tree = TokenTree(self.model, self.prompts)
        starts = [Start(row, tree.root, [], trie.title_root) for row in range(len(self.prompts))]
        rules = {"within_beams": as_transformers}
        titles = beam_search(tree, Level.titles(trie), starts, self.beams, n_titles, **rules)
        places = [(row, title, trie.passage_root(title.number)) for row, found in enumerate(titles) for title in found]
        starts = [Start(row, title.slot, self.separator, node) for row, title, node in places if node >= 0]
        level = Level.passages(trie, self.end if as_transformers else None)
        searched = iter(beam_search(tree, level, starts, self.beams, n_passages, **rules))
        results: Results = [[] for _ in titles]
        for row, title, node in places:
            passages = _ranking(next(searched)) if node >= 0 else [(~node, 0.0)]
            results[row].append(((title.number, title.logprob), passages))
        return results

    def reference(self) -> StagedSearch:
        """Return the same search by `generate` of transformers."""
        arguments = self.separator, self.end, self.beams, self.found
        return StagedSearch(self.model.network, self.trie, *arguments)


def staged(search: StagedSearch, prompts: Sequence[Sequence[int]]) -> Results:
    """Run both stages of the reference."""
    titles = search.titles(prompts)
    passages = search.passages(prompts, titles)
    return [list(zip(*pair, strict=True)) for pair in zip(titles, passages, strict=True)]


def measure_search(setting: Setting, name: str, repeats: int) -> list[Figure]:
    """Compare the search with the reference, in time and results."""
    reference = setting.reference()
    expected = staged(reference, setting.prompts)
    agree = agreement(setting.ours(as_transformers=True), expected)
    works = (lambda: staged(reference, setting.prompts), setting.ours)
    theirs, ours = least_seconds(works, repeats)
    queries = len(setting.prompts)
    return [
        Figure(f"search_speedup.{name}", f"title and passage search, {queries} queries at once", theirs / ours),
        Figure(f"search_ms.{name}", "that search, ours, a query", 1000 * ours / queries, "ms"),
        Figure(f"search_same.{name}", "queries with the results of transformers, by its rules", agree, "of 1"),
    ]


def agreement(results: Results, expected: Results) -> float:
    """Return the share of queries with the same titles and passages, and scores within 1e-4 (or 1e-6 of them)."""
    flat = [_flat(one) for one in results], [_flat(other) for other in expected]
    return sum(_agree(*pair) for pair in zip(*flat, strict=True)) / len(expected)


def _agree(one: Ranking, other: Ranking) -> bool:
    if [number for number, _ in one] != [number for number, _ in other]:
        return False
    return all(isclose(a, b, rel_tol=1e-6, abs_tol=1e-4) for (_, a), (_, b) in zip(one, other, strict=True))


def _flat(titles: list[tuple[tuple[int, float], Ranking]]) -> Ranking:
    """Return titles and passages in their order; the only passage of a title needs no search and has no score."""
    flat: Ranking = []
    for title, passages in titles:
        flat += [title, *(passages if len(passages) > 1 else [(passages[0][0], 0.0)])]
    return flat


def _ranking(found: Sequence[Found]) -> Ranking:
    return [(leaf.number, leaf.logprob) for leaf in found]
