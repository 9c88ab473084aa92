"""Exact search finds what scoring every title finds, however wide a beam would have to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.bench.reference.scorer import sequence_logprob
from srdist.decode.exact import exact_search
from srdist.decode.search import beam_search
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Start
from tests.decode.test_search import WORDS, FakeTree, level_of, retriever, sequence, title_sequences  # noqa: F401


def searched(retriever, prompts, keep, margin=None):  # noqa: F811
    tree = TokenTree(retriever.model, prompts)
    starts = [Start(row, tree.root, [], retriever.trie.title_root) for row in range(len(prompts))]
    return exact_search(tree, Level.titles(retriever.trie), starts, keep, margin)


@pytest.mark.parametrize("keep", [1, 3, 60])
def test_titles_equal_scoring_each_of_them(retriever, keep):  # noqa: F811
    prompts = [retriever.segments.query_prompt(query) for query in ("red sea?", "what is salt", "b")]
    found, expansions = searched(retriever, prompts, keep)
    for prompt, titles, count in zip(prompts, found, expansions, strict=True):
        sequences = title_sequences(retriever.trie)
        logprobs = [sequence_logprob(retriever.model.network, prompt, tokens) for tokens in sequences]
        best = sorted(range(len(logprobs)), key=lambda number: -logprobs[number])[:keep]
        assert [title.number for title in titles] == best
        assert [title.logprob for title in titles] == pytest.approx([logprobs[number] for number in best], abs=1e-4)
        assert 0 < count <= 3 * len(sequences)


def test_it_finds_titles_that_a_narrow_beam_loses(retriever):  # noqa: F811
    prompts = [retriever.segments.query_prompt(f"{word} {other}?") for word in WORDS for other in WORDS]
    exact, _ = searched(retriever, prompts, 1)
    tree = TokenTree(retriever.model, prompts)
    starts = [Start(row, tree.root, [], retriever.trie.title_root) for row in range(len(prompts))]
    beams = beam_search(tree, Level.titles(retriever.trie), starts, 1, 1)
    gains = [best[0].logprob - beam[0].logprob for best, beam in zip(exact, beams, strict=True)]
    assert min(gains) > -1e-4 and max(gains) > 0.01


def test_the_best_title_needs_few_expansions(retriever):  # noqa: F811
    prompt = retriever.segments.query_prompt("red sea?")
    few, many = (searched(retriever, [prompt], keep)[1][0] for keep in (1, 50))
    assert few < many


def test_titles_below_the_margin_are_neither_returned_nor_searched_for(retriever):  # noqa: F811
    prompt = retriever.segments.query_prompt("red sea?")
    (every,), (most,) = searched(retriever, [prompt], 60)
    margin = every[0].logprob - every[4].logprob + 1e-3
    (found,), (few,) = searched(retriever, [prompt], 60, margin)
    assert [title.number for title in found] == [title.number for title in every[:5]]
    assert few < most


@settings(max_examples=60)
@given(
    st.lists(sequence, min_size=1, max_size=8, unique=True),
    st.integers(1, 9),
    st.none() | st.integers(0, 8).map(lambda quarters: quarters / 4),
    st.randoms(),
)
def test_any_trie_with_equal_scores(sequences, keep, margin, random):
    table = {}
    scores = lambda path: table.setdefault(path, -random.randint(0, 3) / 4)  # noqa: E731
    total = {n: sum(scores(s[: end + 1]) for end in range(len(s))) for n, s in enumerate(sequences)}
    best = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:keep]
    best = [item for item in best if margin is None or item[1] >= best[0][1] - margin]
    for room in (0, 100):
        (found,), _ = exact_search(FakeTree(scores, room), level_of(sequences), [Start(0, 0, [], 0)], keep, margin)
        assert [(item.number, item.logprob) for item in found] == best
    assert np.isfinite([item.logprob for item in found]).all()
