"""Narrow beams equal a plain beam search; full width equals `generate` of transformers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.bench.reference import decoder
from srdist.bench.reference.scorer import sequence_logprob
from srdist.decode import SelfRetriever
from srdist.decode.search import beam_search
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Start
from srdist.trie import Edges
from tests.decode.tiny_run import QUERIES_TEXT, make_run

WORDS = ["red", "re", "r", "blue", "green", "salt", "sea", "a b", "a", "b"]
CORPUS = {
    f"{first} {second}".strip(): [f"{first} {third}" for third in WORDS[:number]] + [f"{second} text"]
    for number, first in enumerate(WORDS)
    for second in ["", "sea", "salt", "sea salt", "r"]
}
"""50 titles, many the beginning of others, with 1 to 10 passages each."""


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    config = make_run(tmp_path_factory.mktemp("run"), CORPUS, partitions=3, sharpness=5.0)
    return SelfRetriever.load(config.run_dir, config)


def title_sequences(trie):
    return [[*trie.title_tokens(title).tolist(), trie.title_end] for title in range(trie.n_titles)]


def found_titles(retriever, prompt, width, keep):
    tree = TokenTree(retriever.model, [prompt])
    start = Start(0, tree.root, [], retriever.trie.title_root)
    return beam_search(tree, Level.titles(retriever.trie), [start], width, keep)[0]


def assert_same(found, expected):
    assert [item.number for item in found] == [number for number, _ in expected]
    assert [item.logprob for item in found] == pytest.approx([logprob for _, logprob in expected], abs=1e-4)


@pytest.mark.parametrize("width, keep", [(1, 1), (2, 1), (3, 3), (5, 2), (10, 5), (10, 10), (50, 50)])
@pytest.mark.parametrize("query", QUERIES_TEXT)
def test_titles_equal_a_plain_beam_search(retriever, query, width, keep):
    prompt = retriever.segments.query_prompt(query)
    expected = decoder.beam_search(retriever.model.network, prompt, title_sequences(retriever.trie), width, keep)
    assert_same(found_titles(retriever, prompt, width, keep), expected)


def test_narrow_beams_lose_titles_that_wide_ones_find(retriever):
    prompts = [retriever.segments.query_prompt(f"{word} {other}?") for word in WORDS for other in WORDS]
    best = [[found_titles(retriever, prompt, width, 1)[0].number for width in (1, 50)] for prompt in prompts]
    assert any(narrow != wide for narrow, wide in best), "these tests could not tell a beam search from a full one"


@pytest.mark.parametrize("width, keep", [(1, 1), (2, 2), (3, 1), (20, 20)])
def test_passages_of_several_titles_and_queries_equal_plain_beam_searches(retriever, width, keep):
    trie, segments = retriever.trie, retriever.segments
    prompts = [segments.query_prompt(query) for query in QUERIES_TEXT]
    tree = TokenTree(retriever.model, prompts)
    roots = [(row, t, trie.passage_root(t)) for row in range(3) for t in range(row, trie.n_titles, 7)]
    roots = [(row, title, node) for row, title, node in roots if node >= 0]
    starts = [Start(row, tree.root, [*trie.title_tokens(t), *segments.passage_separator], n) for row, t, n in roots]
    results = beam_search(tree, Level.passages(trie), starts, width, keep)
    for (row, title, _), found in zip(roots, results, strict=True):
        passages = [trie.passage_tokens(passage).tolist() for passage in trie.passages_of(title)]
        sequences = decoder.cut_where_unique(passages, trie.passage_end)
        context = [*prompts[row], *trie.title_tokens(title), *segments.passage_separator]
        expected = decoder.beam_search(retriever.model.network, context, sequences, width, keep)
        first = trie.passages_of(title).start
        assert_same(found, [(first + number, logprob) for number, logprob in expected])


@pytest.mark.parametrize("width, keep", [(1, 1), (2, 2), (20, 20)])
def test_without_completion_passages_are_scored_to_their_end(tmp_path, width, keep):
    corpus = {
        "sea": ["the sea\nis old", "the sea", "the sea is salt\n", "the sea is salt\nand old", "the salt"],
        "p": ["one"],
    }
    config = make_run(tmp_path, corpus, partitions=1, sharpness=5.0, complete=False, passages=keep, passage_beams=width)
    retriever = SelfRetriever.load(config.run_dir, config)
    trie, segments, prompt = retriever.trie, retriever.segments, retriever.segments.query_prompt("old?")
    tree = retriever.tree(["old?"])
    titles, _ = retriever.steps.find_titles(tree, 1, Level.titles(trie))
    (found,) = retriever.steps.find_passages(tree, titles)
    for index, title in enumerate(titles[0]):
        first = trie.passages_of(title.number).start
        passages = [trie.passage_tokens(passage).tolist() for passage in trie.passages_of(title.number)]
        cut = decoder.cut_where_unique(passages, trie.passage_end)
        context = [*prompt, *trie.title_tokens(title.number), *segments.passage_separator]
        network, expected = retriever.model.network, {}
        for number, _ in decoder.beam_search(network, context, cut, width, keep) if len(passages) > 1 else [(0, 0.0)]:
            expected[first + number] = sequence_logprob(network, context, [*passages[number], trie.passage_end])
        mine = [item for item in found if item.title == index]
        assert [item.passage for item in mine] == sorted(expected, key=lambda passage: -expected[passage])
        assert [item.logprob for item in mine] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-4)


def test_full_width_equals_generate(retriever):
    prompt = retriever.segments.query_prompt(QUERIES_TEXT[0])
    trie = decoder.token_trie(dict(enumerate(title_sequences(retriever.trie))))
    (expected,) = decoder.generate(retriever.model.network, [prompt], [trie], 99, retriever.trie.title_end, 50, 50)
    assert len(expected) == retriever.trie.n_titles
    assert_same(found_titles(retriever, prompt, 50, 50), expected)


@pytest.mark.parametrize("width, keep", [(2, 1), (3, 2), (6, 6)])
def test_narrow_titles_equal_generate(retriever, width, keep):
    prompts = [retriever.segments.query_prompt(query) for query in QUERIES_TEXT]
    trie, end = decoder.token_trie(dict(enumerate(title_sequences(retriever.trie)))), retriever.trie.title_end
    expected = decoder.generate(retriever.model.network, prompts, [trie] * 3, 99, end, width, keep)
    tree = TokenTree(retriever.model, prompts)
    starts = [Start(row, tree.root, [], retriever.trie.title_root) for row in range(3)]
    results = beam_search(tree, Level.titles(retriever.trie), starts, width, keep, within_beams=True)
    for found, ranking in zip(results, expected, strict=True):
        assert_same(found, ranking)


@pytest.mark.parametrize("width", [2, 4])
def test_narrow_passages_equal_generate(retriever, width):
    """Where a passage is alone, transformers has to generate the end of the text, which then counts."""
    trie, segments = retriever.trie, retriever.segments
    prompt = segments.query_prompt(QUERIES_TEXT[0])
    titles = [title for title in range(trie.n_titles) if trie.passage_root(title) >= 0][::3]
    prompts = [[*prompt, *trie.title_tokens(title), *segments.passage_separator] for title in titles]
    tries = []
    for title in titles:
        passages = [trie.passage_tokens(passage).tolist() for passage in trie.passages_of(title)]
        cuts = [[*cut, segments.end] for cut in decoder.cut_where_unique(passages, trie.passage_end)]
        tries.append(decoder.token_trie(dict(zip(trie.passages_of(title), cuts, strict=True))))
    expected = decoder.generate(retriever.model.network, prompts, tries, 99, segments.end, width, width)
    tree = TokenTree(retriever.model, [prompt])
    starts = [Start(0, tree.root, p[len(prompt) :], trie.passage_root(t)) for p, t in zip(prompts, titles, strict=True)]
    level = Level.passages(trie, segments.end)
    for found, ranking in zip(beam_search(tree, level, starts, width, width, within_beams=True), expected, strict=True):
        assert_same(found, ranking)


def test_forced_tokens_cost_no_forward(tmp_path, monkeypatch):
    """The prompt, then both titles to their ends: however long they are, two forwards."""
    config = make_run(tmp_path, {"alpha and many more words": ["x"], "beta and many more words": ["y"]})
    retriever = SelfRetriever.load(tmp_path, config)
    forwards, score = [], retriever.model.score
    monkeypatch.setattr(retriever.model, "score", lambda tokens, *rest: forwards.append(1) or score(tokens, *rest))
    monkeypatch.setattr(retriever.model, "free_tokens", 0)
    found = found_titles(retriever, retriever.segments.query_prompt("q"), 2, 2)
    assert len(found) == 2 and len(forwards) == 2


@pytest.mark.parametrize("width, keep", [(2, 2), (10, 5)])
def test_looking_ahead_saves_forwards_and_changes_nothing(retriever, monkeypatch, width, keep):
    prompt, score, results = retriever.segments.query_prompt("q"), retriever.model.score, []
    for free_tokens in (0, 64):
        forwards = []
        monkeypatch.setattr(retriever.model, "free_tokens", free_tokens)
        monkeypatch.setattr(retriever.model, "score", lambda *a, log=forwards: log.append(1) or score(*a))
        found = found_titles(retriever, prompt, width, keep)
        results.append((len(forwards), [item.number for item in found], [item.logprob for item in found]))
    (many, *plain), (few, *ahead) = results
    assert few < many and ahead[0] == plain[0]
    assert ahead[1] == pytest.approx(plain[1], abs=1e-5)


class FakeTree:
    """Gives the scores of a table instead of a model's; always has `room` for looking ahead."""

    def __init__(self, scores, room):
        self.scores, self.paths, self.asked, self.free = scores, [()], [], room

    def add(self, row, parent, tokens):
        first, path = len(self.paths), self.paths[parent]
        for token in tokens:
            path = (*path, int(token))
            self.paths.append(path)
        return first

    def ask(self, row, slot, tokens):
        return self.ask_chain(row, [slot] * len(tokens), tokens)

    def ask_chain(self, row, slots, tokens):
        start = len(self.asked)
        self.asked += [self.scores((*self.paths[slot], int(token))) for slot, token in zip(slots, tokens, strict=True)]
        return slice(start, len(self.asked))

    def room(self):
        return [self.free]

    def run(self):
        scores, self.asked = np.array(self.asked), []
        return scores


def level_of(sequences):
    """Return a trie without chains; its nodes are all prefixes."""
    prefixes = sorted({s[:n] for s in sequences for n in range(len(s))}, key=lambda s: (len(s), s))

    def edges(nodes):
        rows = []
        for source, node in enumerate(nodes):
            prefix = prefixes[node]
            for token in sorted({s[len(prefix)] for s in sequences if s[: len(prefix)] == prefix and s != prefix}):
                longer = (*prefix, token)
                rows += [(source, token, ~number) for number, s in enumerate(sequences) if s == longer]
                rows += [(source, token, prefixes.index(longer))] if longer in prefixes else []
        return Edges(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)

    return Level(edges, lambda target: np.empty(0, dtype=np.int64), end=0)


sequence = st.lists(st.integers(1, 3), max_size=4).map(lambda tokens: (*tokens, 0))


@settings(max_examples=60)
@given(st.lists(sequence, min_size=1, max_size=8, unique=True), st.integers(1, 9), st.integers(1, 9), st.randoms())
def test_any_trie_with_equal_scores(sequences, width, keep, random):
    """Scores of a few values make ties; looking ahead changes nothing, and full width finds the best."""
    table = {}
    scores = lambda path: table.setdefault(path, -random.randint(0, 3) / 4)  # noqa: E731
    start = [Start(0, 0, [], 0)]
    rooms = (0, 2, 5, 100)
    results = [beam_search(FakeTree(scores, room), level_of(sequences), start, width, keep)[0] for room in rooms]
    found = results[0]
    for other in results[1:]:
        assert [replace(item, slot=0) for item in other] == [replace(item, slot=0) for item in found]
    total = {n: sum(scores(s[: end + 1]) for end in range(len(s))) for n, s in enumerate(sequences)}
    assert [item.logprob for item in found] == pytest.approx([total[item.number] for item in found])
    keys = [(-item.logprob, item.number) for item in found]
    assert keys == sorted(keys) and len({item.number for item in found}) == len(found) <= keep
    if width >= len(sequences):
        best = sorted(total.values(), reverse=True)[:keep]
        assert [item.logprob for item in found] == pytest.approx(best)
