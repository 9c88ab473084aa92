"""Searched by parts of the corpus, an exact search finds the same, and a beam search titles that are as good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.decode import SelfRetriever, decoding
from srdist.decode.shards import find_below, find_titles, merge_facts, merge_passages, merge_titles, title_range
from srdist.decode.title_shard import level_of
from tests.decode.test_search import CORPUS
from tests.decode.tiny_run import QUERIES_TEXT, make_run

QUERIES = [
    decoding.Query(f"q{n}", text, ["red sea", "nowhere"]) for n, text in enumerate([*QUERIES_TEXT, "red", "a b"])
]


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    config = make_run(tmp_path_factory.mktemp("run"), CORPUS, partitions=3, sharpness=5.0)
    return SelfRetriever.load(config.run_dir, config)


def with_settings(retriever, **retrieve):
    narrow = {"titles": 4, "title_beams": 4, "passages": 3, "passage_beams": 3, "top_k": 8}
    section = retriever.config.retrieve.model_copy(update={**narrow, **retrieve})
    config = retriever.config.model_copy(update={"retrieve": section})
    return SelfRetriever(config, retriever.model, retriever.segments, retriever.trie, retriever.passages)


def by_shards(retriever, shards):
    titles = merge_titles(
        [find_titles(retriever, QUERIES, shard, shards) for shard in range(shards)], retriever.config.retrieve
    )
    parts = [find_below(retriever, QUERIES, titles, shard, shards) for shard in range(shards)]
    return [merge_passages(part, retriever.config.retrieve) for part in zip(*parts, strict=True)]


FORMS = [
    {},
    {"normalize_assessment": "query"},
    {"score": "title", "title_score": "mean"},
    {"normalize_assessment": "query", "score": "likelihood"},
    {"top_k": 1},
    {"title_margin": 0.5},
    {"score": "query_likelihood"},
    {"score": "query_likelihood", "normalize_assessment": "query", "top_k": 2},
]


@pytest.mark.parametrize("shards, form", [*((3, form) for form in FORMS), (60, {})], ids=str)
def test_an_exact_search_by_shards_equals_one_over_the_whole_corpus(retriever, shards, form):
    retriever = with_settings(retriever, search="exact", **form)
    for merged, whole in zip(by_shards(retriever, shards), decoding.retrieve(retriever, QUERIES), strict=True):
        assert merged.keys() == whole.keys()
        assert [c["passage_id"] for c in merged["candidates"]] == [c["passage_id"] for c in whole["candidates"]]
        assert [c["score"] for c in merged["candidates"]] == pytest.approx([c["score"] for c in whole["candidates"]])
        assert [t["title"] for t in merged["titles"]] == [t["title"] for t in whole["titles"]]
        assert [list(t["passages"]) for t in merged["titles"]] == [list(t["passages"]) for t in whole["titles"]]
        assert merged["assessed"] + merged["skipped"] == whole["assessed"] + whole["skipped"]
        assert [t["title"] for t in merged["missed_titles"]] == [t["title"] for t in whole["missed_titles"]]


def test_a_beam_search_by_shards_finds_titles_that_are_as_good(retriever):
    better = 0
    for width in (1, 2):
        narrow = with_settings(retriever, titles=1, title_beams=width)
        best = {}
        for shards in (1, 2, 10, 50):
            parts = [find_titles(narrow, QUERIES, shard, shards) for shard in range(shards)]
            best[shards] = [titles[0][1] for titles, _ in merge_titles(parts, narrow.config.retrieve)]
            assert all(mine >= theirs - 1e-5 for mine, theirs in zip(best[shards], best[1], strict=True))
            better += sum(mine > theirs + 1e-3 for mine, theirs in zip(best[shards], best[1], strict=True))
    assert better, "these queries cannot tell the two apart"


def test_a_shard_has_its_titles_and_no_others(retriever):
    trie = retriever.trie
    for shard in range(3):
        own = title_range(trie.n_titles, shard, 3)
        level, found, nodes = level_of(trie, own), [], [trie.title_root]
        while nodes:
            edges = level.edges(np.array(nodes, dtype=np.int64))
            assert len(set(edges.source.tolist())) == len(nodes), "a way that leads nowhere"
            found += [~target for target in edges.target.tolist() if target < 0]
            nodes = [target for target in edges.target.tolist() if target >= 0]
        assert sorted(found) == list(own)


@given(st.integers(0, 100), st.integers(1, 20))
def test_every_title_is_in_one_shard(titles, shards):
    ranges = [title_range(titles, shard, shards) for shard in range(shards)]
    assert [title for own in ranges for title in own] == list(range(titles))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_log_probabilities_of_titles_are_those_of_the_search(retriever):
    (found,) = with_settings(retriever).search(["red?"], 1)
    (logprobs,) = retriever.title_logprobs(["red?"], [[title.title for title in found.titles]])
    assert logprobs == pytest.approx([title.logprob for title in found.titles], abs=1e-4)
    assert retriever.title_logprobs(["red?", "blue?"], [[], []]) == [[], []]


def test_gold_titles_that_the_search_did_not_find_are_told_with_their_probability(retriever):
    narrow = with_settings(retriever, titles=1, title_beams=1, search="beam")
    (found,) = narrow.search(["red?"], 1)
    generated = found.titles[0].title
    other = next(title for title in CORPUS if title != generated)
    query = decoding.Query("q", "red?", [generated, other, other])
    (record,) = decoding.to_records(narrow, [query], [found])
    ((logprob,),) = narrow.title_logprobs(["red?"], [[other]])
    assert record["missed_titles"] == [{"title": other, "logprob": logprob}]
    (spared,) = decoding.to_records(narrow, [query], [found], with_missed=False)
    assert spared["missed_titles"] == []
    (record,) = decoding.to_records(narrow, [decoding.Query("q", "red?", [generated])], [found])
    assert record["missed_titles"] == []


def test_a_batch_takes_as_long_as_all_its_parts():
    titles = [{"batch": n, "queries": 2, "seconds": 1.5, "memory_mb": 100.0 + n, "expansions": 7} for n in range(2)]
    passages = [{"batch": n, "queries": 2, "seconds": 0.25, "memory_mb": 90.0, "assessed": 3} for n in range(2)]
    expected = {"batch": 4, "queries": 2, "seconds": 3.5, "memory_mb": 101.0, "expansions": 14, "assessed": 6}
    assert merge_facts(4, titles + passages) == expected
