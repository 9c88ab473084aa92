"""The stages run once, go on after a kill with the same bytes, and refuse what changed. Here without Ray."""

import json
from contextlib import nullcontext

import pytest
import torch

from srdist.decode import evaluator, results, shards, stage
from srdist.decode.results import RESULTS
from srdist.decode.retriever import SelfRetriever
from srdist.errors import UserError
from srdist.storage.runs import read_run
from tests.decode.tiny_run import make_config, make_run

QUERIES = [f"query number\u2028 {'very ' * (number % 3)}{number}" for number in range(7)]
"""with a line separator of Unicode, which ends no line of a file"""


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    def run_here(make, batches, **_):
        work = make()
        for index, batch in enumerate(batches):
            yield index, work(*batch)

    monkeypatch.setattr(evaluator, "run_on_actors", run_here)
    for module in (evaluator, shards):
        monkeypatch.setattr(module, "ray_cluster", lambda _: nullcontext())


@pytest.fixture
def run(tmp_path):
    def make(name="run", **retrieve):
        return make_run(tmp_path / name, queries=QUERIES, sharpness=4.0, **{"batch_queries": 2, "top_k": 5, **retrieve})

    return make


def outputs(config):
    return {name: (config.run_dir / name).read_bytes() for name in (RESULTS, "retrieve/run.trec")}


def records(path):
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def test_results_and_run_hold_the_test_queries_in_order(run):
    config = run()
    manifest = stage.retrieve(config)
    lines = records(config.run_dir / RESULTS)
    assert [(line["query"], line["text"]) for line in lines] == [(f"q{n}", text) for n, text in enumerate(QUERIES)]
    assert {len(line["candidates"]) for line in lines} == {5}
    found = read_run(config.run_dir / "retrieve/run.trec")
    for line in lines:
        assert list(found[line["query"]]) == [candidate["passage_id"] for candidate in line["candidates"]]
    counts = manifest.counts
    assert counts["queries"] == 7 and counts["candidates"] == 35
    assert counts["assessed"] == sum(line["assessed"] for line in lines)
    assert set(manifest.files) == {RESULTS, "retrieve/run.trec", stage.RETRIEVE_TIMES}


def test_results_hold_all_titles_and_passages_found_and_what_was_missed(run):
    config = run(titles=2, title_beams=2, passages=1, passage_beams=1, top_k=1)
    stage.retrieve(config)
    for line in records(config.run_dir / RESULTS):
        assert len(line["candidates"]) == 1 and len(line["titles"]) == 2
        logprobs = [title["logprob"] for title in line["titles"]]
        assert logprobs == sorted(logprobs, reverse=True)
        assert all(title["passages"] for title in line["titles"])
        assert line["candidates"][0]["passage_id"] in {p for title in line["titles"] for p in title["passages"]}
        assert line["assessed"] + line["skipped"] == 2
        assert line["missed_titles"] == []  # the queries of this run have no gold


@pytest.mark.parametrize("shards", [1, 2])
def test_times_of_each_batch_are_beside_the_results(run, shards):
    config = run(shards=shards)
    stage.retrieve(config)
    times = records(config.run_dir / stage.RETRIEVE_TIMES)
    assert [line["batch"] for line in times] == [0, 1, 2, 3]
    assert [line["queries"] for line in times] == [2, 2, 2, 1]
    assert all(line["seconds"] > 0 and line["assessed"] > 0 for line in times)


@pytest.mark.parametrize("shards", [1, 2])
def test_batches_asked_together_find_the_same(run, shards):
    asked = {"score": "query_likelihood", "batch_queries": 2, "shards": shards}
    alone, together = run("alone", **asked), run("together", batches_asked=3, **asked)
    for config in (alone, together):
        stage.retrieve(config)
    if shards == 1:
        assert [line["queries"] for line in records(together.run_dir / stage.RETRIEVE_TIMES)] == [6, 1]
    for one, other in zip(stage.read_results(alone.run_dir), stage.read_results(together.run_dir), strict=True):
        assert [c.passage_id for c in one[1].candidates] == [c.passage_id for c in other[1].candidates]
        logprobs = [[c.query_logprob for c in found.candidates] for _, found in (one, other)]
        assert logprobs[0] == pytest.approx(logprobs[1], rel=1e-5)


def test_results_are_read_back_as_they_were_found(run):
    config = run(batch_queries=1)
    stage.retrieve(config)
    read = dict(stage.read_results(config.run_dir))
    (found,) = SelfRetriever.load(config.run_dir, config).search(QUERIES[:1], 5)
    assert read["q0"].query == found.query
    assert [c.passage_id for c in read["q0"].candidates] == [c.passage_id for c in found.candidates]
    assert read["q0"].titles == found.titles


@pytest.mark.parametrize(
    "retrieve", [{}, {"shards": 2}, {"score": "query_likelihood", "batch_queries": 1, "batches_asked": 2}]
)
def test_a_kill_between_batches_then_again_gives_the_same_bytes(run, monkeypatch, retrieve):
    whole, broken = run("whole", **retrieve), run("broken", **retrieve)
    stage.retrieve(whole)
    work, numbers = evaluator.Replica.__call__, []

    def dies_at_the_third(self, number, *batch):
        numbers.append(number)
        if len(numbers) == 3:
            raise Killed
        return work(self, number, *batch)

    monkeypatch.setattr(evaluator.Replica, "__call__", dies_at_the_third)
    with pytest.raises(Killed):
        stage.retrieve(broken)
    stage.retrieve(broken)
    assert outputs(broken) == outputs(whole)
    assert numbers[:4] == [0, 1, 2, 2], "the two finished batches are not decoded again"
    assert not (broken.run_dir / stage.BATCHES).exists()


def test_a_batch_that_was_damaged_is_decoded_again(run, monkeypatch):
    whole, broken = run("whole"), run("broken")
    stage.retrieve(whole)
    write = stage._write_lines
    monkeypatch.setattr(stage, "_write_lines", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        stage.retrieve(broken)
    monkeypatch.setattr(stage, "_write_lines", write)
    damaged = broken.run_dir / stage.BATCHES / "batch-000002.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    stage.retrieve(broken)
    assert outputs(broken) == outputs(whole)


def test_a_lack_of_gpu_memory_is_told_with_what_to_lower(run, monkeypatch):
    def search(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of")

    monkeypatch.setattr(SelfRetriever, "search", search)
    with pytest.raises(UserError, match="^CUDA out of memory -- lower retrieve.batch_queries"):
        stage.retrieve(run())


def test_a_gpu_that_is_full_when_the_model_is_loaded_is_told(run, monkeypatch):
    def move(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of")

    config = run()
    monkeypatch.setattr(torch.nn.Module, "to", move)
    with pytest.raises(UserError, match="^device cpu: CUDA out of memory -- end what else uses it"):
        SelfRetriever.load(config.run_dir, config)


def test_a_finished_stage_is_not_run_again(run, monkeypatch):
    config = run()
    before = stage.retrieve(config)
    monkeypatch.setattr(SelfRetriever, "load", lambda *_: pytest.fail("loaded the model"))
    assert stage.retrieve(config) == before


@pytest.mark.parametrize("changed", [{"tau": 0.5}, {"titles": 3}, {"top_k": 6}, {"batch_queries": 3}])
def test_a_changed_setting_is_refused(run, changed):
    config = run()
    stage.retrieve(config)
    with pytest.raises(UserError, match=f"retrieve.{next(iter(changed))}"):
        stage.retrieve(make_config(config.run_dir, **{"batch_queries": 2, "top_k": 5, **changed}))


def test_an_unfinished_earlier_stage_is_named(run):
    config = run()
    (config.run_dir / "manifests" / "index.json").unlink()
    with pytest.raises(UserError, match="srdist index"):
        stage.retrieve(config)


def test_answers_name_their_passage(run):
    config = run(answer_tokens=4)
    stage.retrieve(config)
    manifest = stage.answer(config)
    lines = records(config.run_dir / "answers/answers.jsonl")
    best = {query: retrieval.candidates[0].passage_id for query, retrieval in stage.read_results(config.run_dir)}
    assert {line["query"]: line["passage"] for line in lines} == best
    assert manifest.counts == {"queries": 7, "answers": sum(bool(line["answer"]) for line in lines)}


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
    files = [(config.run_dir / "answers/answers.jsonl").read_bytes() for config in (whole, broken)]
    assert files[0] == files[1]


def test_answers_from_gold_passages_and_from_none(run, monkeypatch):
    config = run(answer_tokens=4)
    gold = {"q1": "salt-1", "q3": "river-0"}
    rows = [
        {"id": f"q{n}", "text": text, "gold_passages": [gold[f"q{n}"]] if f"q{n}" in gold else []}
        for n, text in enumerate(QUERIES)
    ]
    monkeypatch.setattr(results, "read_queries", lambda *_: rows)
    retriever = SelfRetriever.load(config.run_dir, config)
    stage.answer(config, source="gold")
    lines = {line["query"]: line for line in records(config.run_dir / "answers.gold/answers.jsonl")}
    assert {query: line["passage"] for query, line in lines.items() if line["passage"]} == gold
    for query, found in results.gold_retrievals(config.run_dir):
        assert lines[query]["answer"] == (retriever.answer(found) if query in gold else "")
    stage.answer(config, source="none")
    lines = records(config.run_dir / "answers.none/answers.jsonl")
    assert [line["answer"] for line in lines] == [retriever.answers_alone([text])[0] for text in QUERIES]
    assert not (config.run_dir / "answers").exists()


def test_answers_need_the_results(run):
    with pytest.raises(UserError, match="srdist retrieve"):
        stage.answer(run())
