"""The stages run once, go on after a kill with the same bytes, and refuse what changed."""

import json

import pytest

from srdist.decode import stage
from srdist.decode.retriever import SelfRetriever
from srdist.errors import UserError
from srdist.storage.runs import read_run
from tests.decode.tiny_run import make_config, make_run

QUERIES = [f"query number\u2028 {number}" for number in range(7)]
"""with a line separator of Unicode, which ends no line of a file"""


class Killed(Exception):
    pass


@pytest.fixture
def run(tmp_path):
    def make(name="run", **retrieve):
        return make_run(tmp_path / name, queries=QUERIES, sharpness=4.0, **{"batch_queries": 2, "top_k": 5, **retrieve})

    return make


def outputs(config):
    return {name: (config.run_dir / name).read_bytes() for name in (stage.RESULTS, stage.RUN)}


def test_results_and_run_hold_the_test_queries_in_order(run):
    config = run()
    manifest = stage.retrieve(config)
    lines = [json.loads(line) for line in (config.run_dir / stage.RESULTS).read_text().split("\n")[:-1]]
    assert [(line["query"], line["text"]) for line in lines] == [(f"q{n}", text) for n, text in enumerate(QUERIES)]
    assert {len(line["candidates"]) for line in lines} == {5}
    found = read_run(config.run_dir / stage.RUN)
    for line in lines:
        assert list(found[line["query"]]) == [candidate["passage_id"] for candidate in line["candidates"]]
    assert manifest.counts["queries"] == 7 and manifest.counts["candidates"] == 35
    assert set(manifest.files) == {stage.RESULTS, stage.RUN}


def test_results_are_read_back_as_they_were_found(run):
    config = run()
    stage.retrieve(config)
    read = dict(stage.read_results(config.run_dir))
    (found,) = SelfRetriever.load(config.run_dir, config).search(QUERIES[:1], 5)
    assert read["q0"].query == found.query
    assert [c.passage_id for c in read["q0"].candidates] == [c.passage_id for c in found.candidates]


def test_a_kill_between_batches_then_again_gives_the_same_bytes(run, monkeypatch):
    whole, broken = run("whole"), run("broken")
    stage.retrieve(whole)
    search, calls = SelfRetriever.search, []

    def dies_at_the_third(self, queries, k):
        calls.append(queries)
        if len(calls) == 3:
            raise Killed
        return search(self, queries, k)

    monkeypatch.setattr(SelfRetriever, "search", dies_at_the_third)
    with pytest.raises(Killed):
        stage.retrieve(broken)
    stage.retrieve(broken)
    assert outputs(broken) == outputs(whole)
    assert calls[3] == QUERIES[4:6], "the two finished batches are not decoded again"
    assert not (broken.run_dir / stage.BATCHES).exists()


def test_a_finished_stage_is_not_run_again(run, monkeypatch):
    config = run()
    before = stage.retrieve(config)
    monkeypatch.setattr(SelfRetriever, "load", lambda *_: pytest.fail("loaded the model"))
    assert stage.retrieve(config) == before


@pytest.mark.parametrize("changed", [{"tau": 0.5}, {"titles": 3}, {"top_k": 6}])
def test_a_changed_setting_is_refused(run, changed):
    config = run()
    stage.retrieve(config)
    with pytest.raises(UserError, match=f"retrieve.{next(iter(changed))}"):
        stage.retrieve(make_config(config.run_dir, **{"batch_queries": 2, "top_k": 5, **changed}))


def test_sizes_of_batches_and_forwards_may_change(run):
    config = run()
    before = stage.retrieve(config)
    assert stage.retrieve(make_config(config.run_dir, top_k=5, batch_queries=3, forward_tokens=9)) == before


def test_an_unfinished_earlier_stage_is_named(run):
    config = run()
    (config.run_dir / "manifests" / "index.json").unlink()
    with pytest.raises(UserError, match="srdist index"):
        stage.retrieve(config)


def test_answers_name_their_passage(run):
    config = run(answer_tokens=4)
    stage.retrieve(config)
    manifest = stage.answer(config)
    lines = [json.loads(line) for line in (config.run_dir / stage.ANSWER_FILE).read_text().split("\n")[:-1]]
    best = {query: retrieval.candidates[0].passage_id for query, retrieval in stage.read_results(config.run_dir)}
    assert {line["query"]: line["passage"] for line in lines} == best
    assert manifest.counts["queries"] == 7


def test_a_query_that_is_too_long_is_refused_before_the_first_is_decoded(tmp_path, monkeypatch):
    config = make_run(tmp_path, queries=["short", "word " * 2000], batch_queries=1)
    monkeypatch.setattr(SelfRetriever, "search", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UserError, match="context has room"):
        stage.retrieve(config)


def test_answers_go_on_after_a_kill_with_the_same_bytes(run, monkeypatch):
    whole, broken = run("whole"), run("broken")
    for config in (whole, broken):
        stage.retrieve(config)
    stage.answer(whole)
    answers, calls = SelfRetriever.answers, []

    def dies_at_the_second(self, retrievals):
        calls.append(len(retrievals))
        if len(calls) == 2:
            raise Killed
        return answers(self, retrievals)

    monkeypatch.setattr(SelfRetriever, "answers", dies_at_the_second)
    with pytest.raises(Killed):
        stage.answer(broken)
    stage.answer(broken)
    assert len(calls) == 2 + 3
    files = [(config.run_dir / stage.ANSWER_FILE).read_bytes() for config in (whole, broken)]
    assert files[0] == files[1]


def test_answers_need_the_results(run):
    with pytest.raises(UserError, match="srdist retrieve"):
        stage.answer(run())
