"""Forms are ranked as `retrieve` would rank with them, from candidates that were found once."""

import dataclasses
import json
from contextlib import nullcontext

import numpy as np
import pytest

from srdist.decode import evaluator, stage
from srdist.decode.results import read_results
from srdist.errors import UserError
from srdist.evaluate import tune
from tests.decode.tiny_run import make_run

QUERIES = ["what is a prime?", "old?", "salt of the sea", "where does water run"]
GOLD = ["prime-1", "the_sea-0", "salt-0", "river-1"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    def run_here(make, batches, **_):
        work = make()
        yield from ((index, work(*batch)) for index, batch in enumerate(batches))

    monkeypatch.setattr(evaluator, "run_on_actors", run_here)
    monkeypatch.setattr(evaluator, "ray_cluster", lambda _: nullcontext())
    rows = [
        {"id": f"v{n}", "text": text, "gold_passages": [gold], "gold_titles": []}
        for n, (text, gold) in enumerate(zip(QUERIES, GOLD, strict=True))
    ]
    for module in (stage, tune):
        monkeypatch.setattr(module, "read_queries", lambda _, split: rows if split == "validation" else [])
    monkeypatch.setattr(stage.decoding, "check_queries", lambda *_, **__: None)
    return make_run(tmp_path, sharpness=4.0, titles=4, title_beams=8, passages=3, passage_beams=3)


@pytest.mark.parametrize(
    "form",
    [
        tune.Form(4, "product", "sum", 0.4, 0.4, "title"),
        tune.Form(4, "likelihood", "mean", 0.1, 0.8, "query"),
        tune.Form(4, "assessment", "sum", 0.4, 0.2, "title"),
        tune.Form(4, "title", "mean", 0.4, 0.4, "title"),
        tune.Form(4, "query_likelihood", "sum", 0.4, 0.4, "title"),
        tune.Form(4, "query_likelihood", "sum", 0.4, 0.4, "title", title_margin=0.5),
        tune.Form(4, "product", "mean", 0.4, 0.4, "title", title_margin=0.5),
    ],
)
def test_a_form_ranks_as_retrieve_does_with_it(config, monkeypatch, form):
    tune.tune(config)
    found = list(tune._read(config))
    retrieve = config.retrieve.model_copy(update={**dataclasses.asdict(form), "assess": "all"})
    rows = [{"id": f"v{n}", "text": text, "gold_titles": []} for n, text in enumerate(QUERIES)]
    monkeypatch.setattr(stage, "read_queries", lambda *_: rows)
    stage.retrieve(config.model_copy(update={"retrieve": retrieve}))
    assert form.title_margin is None or min(tune.titles_used(query, form) for query in found) < 4
    for (_, retrieval), gold, query in zip(read_results(config.run_dir), GOLD, found, strict=True):
        ids = [candidate.passage_id for candidate in retrieval.candidates]
        assert tune.rank_of_gold(query, form) == (ids.index(gold) + 1 if gold in ids else float("inf"))
        assert tune.titles_used(query, form) == len(retrieval.titles)


def test_fewer_titles_leave_their_passages_out(config):
    tune.tune(config)
    one = dataclasses.replace(tune.Form(4, "product", "sum", 0.4, 0.4, "title"), titles=1)
    for query, gold in zip(tune._read(config), GOLD, strict=True):
        inside = query.gold[query.groups == 0].any()
        assert (tune.rank_of_gold(query, one) < float("inf")) == inside, gold


def test_best_form_first_and_the_model_runs_once(config, monkeypatch):
    records = tune.tune(config)
    assert [record["MRR@5"] for record in records] == sorted((r["MRR@5"] for r in records), reverse=True)
    assert sum(record["own"] for record in records) == 1
    lines = (config.run_dir / tune.FORMS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    monkeypatch.setattr(evaluator, "Replica", None)
    other = config.model_copy(
        update={"retrieve": config.retrieve.model_copy(update={"tau": 3.0, "score": "assessment"})}
    )
    again = tune.tune(other)
    assert next(r for r in again if not r["own"])["MRR@5"] == records[0]["MRR@5"]
    assert tune.as_overrides(records[0]).startswith("--set retrieve.titles=")


def test_a_score_without_assessment_is_compared_with_others_like_it(config):
    every = tune.tune(config)
    retrieve = config.retrieve.model_copy(update={"score": "query_likelihood"})
    alone = tune.tune(config.model_copy(update={"retrieve": retrieve}), overwrite=True)
    form = {name: alone[0][name] for name in tune.Form.__dataclass_fields__}
    assert alone[0] == {**next(r for r in every if form.items() <= r.items()), "own": alone[0]["own"]}
    assert {record["score"] for record in alone} == {"title", "query_likelihood"}
    assert all(query.rejections.size and not (query.rejections >= 0).any() for query in tune._read(config))


def test_without_held_out_queries_it_says_so(config, monkeypatch):
    monkeypatch.setattr(stage, "read_queries", lambda *_: [])
    with pytest.raises(UserError, match="no training query was held out"):
        tune.tune(config)


def test_of_equal_scores_the_more_probable_title_is_first():
    def rank(gold):
        query = tune.Found(
            titles=np.array([-1.0, -5.0, -9.0]),
            lengths=np.full(3, 3),
            groups=np.array([2, 0, 1]),
            rejections=np.full(3, 0.5),
            queries=np.full(3, np.nan),
            logprobs=np.zeros(3),
            gold=np.array([2, 0, 1]) == gold,
        )
        return tune.rank_of_gold(query, tune.Form(3, "assessment", "sum", 0.4, 0.4, "title"))

    assert [rank(gold) for gold in range(3)] == [1, 2, 3]
