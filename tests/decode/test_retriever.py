"""The whole search equals brute force; texts come from the corpus; batches change nothing."""

import dataclasses
import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srdist.bench.reference.scorer import query_logprob, rank_corpus
from srdist.config.schema import TemplatesConfig
from srdist.decode import SelfRetriever
from srdist.errors import UserError
from srdist.storage.manifest import Manifest, write_manifest
from srdist.templates import Segments
from tests.decode.tiny_run import CORPUS, QUERIES_TEXT, make_config, make_run

COPIES = sum(len(texts) - len(set(texts)) for texts in CORPUS.values())
FIELDS = ("title_logprob", "rejection", "acceptance", "title_score", "passage_score", "score")


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    config = make_run(tmp_path_factory.mktemp("run"), sharpness=6.0)
    return SelfRetriever.load(config.run_dir, config)


def assert_equals_brute_force(retriever, query, corpus):
    retrieve = retriever.config.retrieve
    expected = rank_corpus(retriever.model.network, retriever.segments, query, corpus, retrieve.tau, retrieve.delta)
    found = retriever.search([query], 1000)[0].candidates
    assert len(found) == len(expected)
    of_text = {(item.title, item.passage): item for item in expected}
    assert {(c.title, c.text) for c in found} == set(of_text)
    for candidate, at_this_rank in zip(found, expected, strict=True):
        assert candidate.score == pytest.approx(at_this_rank.score, rel=1e-4)
        for field in FIELDS:
            wanted = getattr(of_text[candidate.title, candidate.text], field)
            assert getattr(candidate, field) == pytest.approx(wanted, rel=1e-4, abs=1e-30)


@pytest.mark.parametrize("query", QUERIES_TEXT)
def test_full_width_equals_brute_force(retriever, query):
    assert_equals_brute_force(retriever, query, CORPUS)


@pytest.mark.parametrize(
    "corpus",
    [
        {"one": ["only passage"]},
        {"one": ["first passage", "second passage"]},
        {"a": ["x"], "b": ["y"], "ab": ["z"]},
        {"same": ["twice", "twice"]},
    ],
    ids=["one document", "one title", "one-token titles", "one text twice"],
)
def test_small_corpora_equal_brute_force(tmp_path, corpus):
    config = make_run(tmp_path, corpus, partitions=1, sharpness=6.0)
    assert_equals_brute_force(SelfRetriever.load(tmp_path, config), "which one?", corpus)


text = st.text("ab ", min_size=1, max_size=6).filter(str.strip)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corpus=st.dictionaries(text, st.lists(text, min_size=1, max_size=5), min_size=1, max_size=8),
    partitions=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_any_corpus_equals_brute_force(tmp_path_factory, corpus, partitions, seed):
    partitions = min(partitions, len(corpus))
    config = make_run(tmp_path_factory.mktemp("any"), corpus, partitions=partitions, seed=seed, sharpness=6.0)
    assert_equals_brute_force(SelfRetriever.load(config.run_dir, config), "a b?", corpus)


def test_query_likelihood_equals_brute_force(retriever):
    """Whatever shares a forward: all queries together, few tokens a forward."""
    network, segments = retriever.model.network, retriever.segments
    for forward_tokens in (1, 64, 4096):
        asking = with_settings(retriever, score="query_likelihood", forward_tokens=forward_tokens)
        for query, found in zip(QUERIES_TEXT, asking.search(QUERIES_TEXT, 1000), strict=True):
            assert len(found.candidates) == sum(map(len, CORPUS.values())) == found.assessed + COPIES
            assert {(c.rejection, c.acceptance, c.passage_score) for c in found.candidates} == {(None, None, None)}
            for candidate in found.candidates:
                wanted = query_logprob(network, segments, query, candidate.title, candidate.text)
                assert candidate.query_logprob == pytest.approx(wanted, rel=1e-4)
                assert candidate.score == candidate.title_logprob + candidate.query_logprob
            scores = [candidate.score for candidate in found.candidates]
            assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("forward_tokens", "batches_asked", "times"), [(512, 3, 1), (512, 1, 3), (1, 3, 3)])
def test_a_passage_is_read_once_for_the_queries_that_fit(retriever, monkeypatch, forward_tokens, batches_asked, times):
    settings = {"forward_tokens": forward_tokens, "batches_asked": batches_asked, "batch_queries": 1}
    asking = with_settings(retriever, score="query_likelihood", **settings)
    read, score = [], retriever.model.score
    monkeypatch.setattr(
        retriever.model, "score", lambda tokens, *rest: read.extend(tokens.tolist()) or score(tokens, *rest)
    )
    found = asking.search(QUERIES_TEXT)
    rows = [f" {' '.join(map(str, row))} " for row in read]
    for prompt in {tuple(retriever.segments.writing_prompt(title, text)) for title in CORPUS for text in CORPUS[title]}:
        assert sum(f" {' '.join(map(str, prompt))} " in row for row in rows) == times
    together = with_settings(retriever, score="query_likelihood").search(QUERIES_TEXT)
    for one, other in zip(found, together, strict=True):
        expected = {c.passage_id: c.query_logprob for c in other.candidates}
        assert {c.passage_id: c.query_logprob for c in one.candidates} == pytest.approx(expected, abs=1e-4)


def test_a_query_that_leaves_no_room_to_be_asked_about_a_passage_is_refused(retriever, monkeypatch):
    query, asking = "word " * 20, with_settings(retriever, score="query_likelihood", answer_tokens=1)
    templates = TemplatesConfig(writing="{title}: {text}" + " A question about it:" * 5)
    segments = asking.segments = Segments(templates, retriever.segments.tokenizer)
    written, template = len(segments.written(query)), len(segments.writing_prompt("", ""))
    monkeypatch.setattr(retriever.model, "context", retriever.longest + template + written)
    asking.prompt(query)
    monkeypatch.setattr(retriever.model, "context", retriever.longest + template + written - 1)
    with pytest.raises(UserError, match=f"has {written} tokens; the model's context has room for {written - 1}"):
        asking.prompt(query)


def test_every_text_is_in_the_corpus(retriever):
    for retrieval in retriever.search(QUERIES_TEXT, 1000):
        for candidate in retrieval.candidates:
            assert candidate.text in CORPUS[candidate.title]
            assert candidate.passage_id.rpartition("-")[0] == candidate.document


def test_same_texts_have_equal_scores_and_stand_in_corpus_order(retriever):
    found = retriever.search(["old?"], 1000)[0].candidates
    twins = [c for c in found if c.title == "rivers of the sea" and c.text == "none"]
    assert [c.passage_id for c in twins] == ["rivers_of_the_sea-0", "rivers_of_the_sea-2"]
    assert twins[0].score == twins[1].score


def test_a_title_with_one_distinct_passage_has_passage_score_one(retriever):
    found = retriever.search(["old?"], 1000)[0].candidates
    (only,) = [c for c in found if c.title == "prime number"]
    assert (only.passage_score, only.passage_logprob) == (1.0, 0.0)


def test_a_batch_equals_one_by_one(retriever):
    queries = [*QUERIES_TEXT, "?", "a much longer query about salt, the letter p and prime numbers " * 3]
    together = retriever.search(queries, 1000)
    for query, retrieval in zip(queries, together, strict=True):
        (alone,) = retriever.search([query], 1000)
        assert [c.passage_id for c in retrieval.candidates] == [c.passage_id for c in alone.candidates]
        for mine, other in zip(retrieval.candidates, alone.candidates, strict=True):
            for field in (*FIELDS, "passage_logprob"):
                assert getattr(mine, field) == pytest.approx(getattr(other, field), rel=1e-5, abs=1e-30)


def test_beams_wider_than_the_trie_change_nothing(retriever):
    wider = make_config(retriever.config.run_dir, title_beams=1000, passage_beams=1000)
    other = SelfRetriever.load(wider.run_dir, wider)
    for mine, theirs in zip(retriever.search(QUERIES_TEXT, 99), other.search(QUERIES_TEXT, 99), strict=True):
        assert dataclasses.replace(mine, seconds=0) == dataclasses.replace(theirs, seconds=0)


@pytest.mark.parametrize("forward_tokens", [1, 30, 4096])
def test_the_size_of_a_forward_changes_nothing(retriever, forward_tokens):
    config = make_config(retriever.config.run_dir, forward_tokens=forward_tokens)
    (mine,), (theirs,) = (r.search(["old?"], 99) for r in (retriever, SelfRetriever.load(config.run_dir, config)))
    assert [c.passage_id for c in mine.candidates] == [c.passage_id for c in theirs.candidates]
    assert [c.score for c in mine.candidates] == pytest.approx([c.score for c in theirs.candidates], rel=1e-5)


def test_titles_passages_and_k_bound_the_result(retriever):
    config = make_config(retriever.config.run_dir, titles=2, passages=1, title_beams=4, passage_beams=2)
    narrow = SelfRetriever.load(config.run_dir, config)
    (retrieval,) = narrow.search(["old?"], 100)
    assert len({c.title for c in retrieval.candidates}) == 2
    assert len({(c.title, c.text) for c in retrieval.candidates}) == 2
    assert len(narrow.search(["old?"], 1)[0].candidates) == 1


def test_the_attention_of_a_gpu_gives_the_same(retriever):
    config = retriever.config.model_copy(
        update={"model": retriever.config.model.model_copy(update={"attention": "sdpa"})}
    )
    other = SelfRetriever.load(config.run_dir, config)
    assert retriever.model.network.config._attn_implementation == "eager"
    assert other.model.network.config._attn_implementation == "sdpa"
    (mine,), (theirs,) = (r.search(["old?"], 9) for r in (retriever, other))
    assert [c.score for c in mine.candidates] == pytest.approx([c.score for c in theirs.candidates], rel=1e-5)


def test_no_queries(retriever):
    assert retriever.search([], 10) == []


def test_a_query_longer_than_the_context_is_refused(retriever):
    with pytest.raises(UserError, match="context has room"):
        retriever.search(["fine", "word " * 2000], 10)


def test_a_trie_of_another_vocabulary_is_refused(tmp_path):
    from tests.tiny import make_tiny_model

    config = make_run(tmp_path)
    make_tiny_model(tmp_path / "model", ["other"], vocabulary=257)
    with pytest.raises(UserError, match="trie was built for"):
        SelfRetriever.load(tmp_path, config)


def test_a_missing_model_is_named(tmp_path):
    config = make_run(tmp_path)
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(UserError, match="srdist train"):
        SelfRetriever.load(tmp_path, config)


def test_an_unknown_device_is_named(tmp_path):
    config = make_run(tmp_path, device="abacus")
    with pytest.raises(UserError, match="device abacus"):
        SelfRetriever.load(tmp_path, config)


def with_settings(retriever, **retrieve):
    section = retriever.config.retrieve.model_copy(update=retrieve)
    config = retriever.config.model_copy(update={"retrieve": section})
    return SelfRetriever(config, retriever.model, retriever.segments, retriever.trie, retriever.passages)


FORMS = [
    {"title_score": "mean"},
    {"normalize_assessment": "query"},
    {"score": "title", "assess": "all"},
    {"score": "assessment"},
    {"score": "likelihood"},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_other_forms_of_the_score(retriever, form):
    """From the probabilities that the paper's form has, by the formulas of the config's documentation."""
    other = with_settings(retriever, **form)
    retrieve = other.config.retrieve
    (paper,), (found,) = retriever.search(["which river?"], 100), other.search(["which river?"], 100)
    texts = {(c.title, c.text): c for c in paper.candidates}
    lengths = dict.fromkeys(CORPUS, 1)
    if retrieve.title_score == "mean":
        tokens = retriever.segments.titles(list(CORPUS))
        lengths = {title: len(words) + 1 for title, words in zip(CORPUS, tokens, strict=True)}
    p_t = {title.title: math.exp(title.logprob / lengths[title.title]) for title in paper.titles}
    weights = {key: math.exp((1 - c.rejection) / retrieve.delta) for key, c in texts.items()}
    for candidate in found.candidates:
        own = retrieve.normalize_assessment == "query"
        rivals = [w for (title, _), w in weights.items() if own or title == candidate.title]
        s_t = math.exp(p_t[candidate.title] / retrieve.tau) / sum(math.exp(p / retrieve.tau) for p in p_t.values())
        s_p = weights[candidate.title, candidate.text] / sum(rivals)
        likelihood = math.exp(texts[candidate.title, candidate.text].passage_logprob)
        score = {"product": s_t * s_p, "title": s_t, "assessment": s_p, "likelihood": s_t * s_p * likelihood}
        assert candidate.title_score == pytest.approx(s_t, rel=1e-4)
        assert candidate.passage_score == pytest.approx(s_p, rel=1e-4)
        assert candidate.score == pytest.approx(score[retrieve.score], rel=1e-4)
    scores = [candidate.score for candidate in found.candidates]
    assert scores == sorted(scores, reverse=True) and len(scores) == len(paper.candidates)


def test_titles_alone_are_ranked_without_an_assessment(retriever):
    (found,) = with_settings(retriever, score="title").search(["which river?"], 100)
    assert found.assessed == 0 and found.skipped > 0
    assert {(c.rejection, c.acceptance, c.passage_score) for c in found.candidates} == {(None, None, None)}
    for one, next_one in itertools.pairwise(found.candidates):
        if one.title == next_one.title:
            assert one.passage_logprob >= next_one.passage_logprob


@pytest.mark.parametrize("k", [1, 2, 5, 100])
def test_assessing_what_is_needed_gives_what_assessing_all_gives(retriever, k):
    """With a tiny tau the first title is nearly sure, and most passages cannot be the best."""
    needed, whole = (with_settings(retriever, assess=assess, tau=1e-9) for assess in ("needed", "all"))
    for few, every in zip(needed.search(QUERIES_TEXT, k), whole.search(QUERIES_TEXT, k), strict=True):
        assert [c.passage_id for c in few.candidates] == [c.passage_id for c in every.candidates]
        assert [c.score for c in few.candidates] == pytest.approx([c.score for c in every.candidates], rel=1e-5)
        assert every.skipped == 0 and few.assessed + few.skipped == every.assessed
        assert (few.skipped > 0) == (k < 3)  # further ones score 0, and so may the other titles' passages


def test_all_titles_found_are_told_with_their_passages(retriever):
    (found,) = retriever.search(["old?"], 1)
    assert {title.title: sorted(title.passages) for title in found.titles} == {
        title: [f"{title.replace(' ', '_')}-{number}" for number in range(len(texts))]
        for title, texts in CORPUS.items()
    }
    assert [t.logprob for t in found.titles] == sorted((t.logprob for t in found.titles), reverse=True)
    assert sum(title.score for title in found.titles) == pytest.approx(1)


@pytest.mark.parametrize("search", ["beam", "exact"])
def test_titles_below_the_margin_are_left_out_with_their_passages(retriever, search):
    (every,) = retriever.search(["old?"], 100)
    margin = every.titles[0].logprob - every.titles[1].logprob + 1e-3
    assert len(every.titles) > 2
    (found,) = with_settings(retriever, search=search, title_margin=margin).search(["old?"], 100)
    assert [title.title for title in found.titles] == [title.title for title in every.titles[:2]]
    assert {candidate.title for candidate in found.candidates} == {title.title for title in found.titles}


def test_an_exact_search_finds_the_best_titles(retriever):
    narrow = with_settings(retriever, titles=2, title_beams=2, search="exact")
    for whole, exact in zip(retriever.search(QUERIES_TEXT, 1), narrow.search(QUERIES_TEXT, 1), strict=True):
        assert [title.title for title in exact.titles] == [title.title for title in whole.titles[:2]]
        assert exact.expansions > 0 == whole.expansions


def test_templates_that_the_model_was_not_trained_with_are_refused(tmp_path):
    config = make_run(tmp_path)
    prepared = {"templates": {**config.templates.model_dump(), "query": "Ask: {query}"}}
    write_manifest(tmp_path, Manifest("prepare", prepared, {}), ())
    with pytest.raises(UserError, match="prepared with templates.query 'Ask: {query}', in the config it is"):
        SelfRetriever.load(tmp_path, config)


@pytest.mark.parametrize(
    ("query", "k", "told"), [("", 1, "empty"), ("\udcff", 1, "not valid UTF-8"), ("a", 0, "cannot find 0")]
)
def test_what_cannot_be_searched_for(retriever, query, k, told):
    with pytest.raises(UserError, match=told):
        retriever.search([query], k)
