import json
import os
from pathlib import Path

import pytest

from srdist.baselines.stage import baselines, check_baselines
from srdist.errors import UserError
from srdist.evaluate.measures import mean, parse_measures, score_queries
from srdist.storage.runs import read_run
from tests.evaluate.hand_made import make_config, make_prepared

NQ_QED = Path(os.environ.get("SRDIST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "nq-qed"


def test_run_ranks_titled_passages_for_the_test_queries(tmp_path):
    make_prepared(tmp_path)
    manifest = baselines(make_config(tmp_path))
    run = read_run(tmp_path / "baselines" / "bm25" / "run.trec")
    assert max(run["peak"], key=run["peak"].get) == "everest-0"
    assert max(run["animal"], key=run["animal"].get) == "whale-0"
    assert set(run) == {"river", "animal", "peak"}
    assert manifest.counts == {"passages": 4, "queries": 4, "queries_without_result": 1, "systems": 1}


def test_two_runs_are_byte_identical(tmp_path):
    files = []
    for name in ("one", "two"):
        make_prepared(tmp_path / name)
        baselines(make_config(tmp_path / name))
        files.append((tmp_path / name / "baselines" / "bm25" / "run.trec").read_bytes())
    assert files[0] == files[1]


def test_another_language_is_another_stage(tmp_path):
    make_prepared(tmp_path)
    baselines(make_config(tmp_path))
    german = make_config(tmp_path, corpus={"documents": [{"format": "jsonl", "path": "d"}], "language": "de"})
    with pytest.raises(UserError, match="language was en, is de"):
        baselines(german)


def test_prepare_has_to_be_done(tmp_path):
    with pytest.raises(UserError, match="stage prepare has not finished"):
        baselines(make_config(tmp_path))


def test_a_dense_model_that_is_not_there_is_refused_before_anything_runs(tmp_path):
    with_dense = {"systems": ["bm25", "dense"], "dense": {"model": str(tmp_path / "no-model")}}
    with pytest.raises(UserError, match="no-model"):
        check_baselines(make_config(tmp_path, baselines=with_dense))
    check_baselines(make_config(tmp_path, baselines={**with_dense, "systems": ["bm25"]}))


@pytest.mark.skipif(
    not NQ_QED.is_dir(), reason=f"no data at {NQ_QED}; set SRDIST_DATA to the folder that holds nq-qed/"
)
def test_figures_on_natural_questions():
    """The known result of BM25 over title and passage: H@1 .846, H@5 .958, MRR@5 .892 on 383 questions."""
    from srdist.baselines.bm25 import rank_with_bm25

    documents = [json.loads(line) for line in (NQ_QED / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    queries = [json.loads(line) for line in (NQ_QED / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = [line.split("\t") for line in (NQ_QED / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    gold = {query: [document] for query, document, _ in pairs}
    asked = {query["_id"]: query["text"] for query in queries if query["_id"] in gold}
    ids = [document["_id"] for document in documents]
    texts = [f"{document['title']} {document['text']}" for document in documents]
    ranked = rank_with_bm25(ids, texts, list(asked.values()), language="en", top_k=100)
    rankings = {query: [i for i, _ in ranking] for query, ranking in zip(asked, ranked, strict=True)}
    scores = score_queries(parse_measures(["Success@1", "Success@5", "RR@5"]), gold, rankings)
    assert len(gold) == 383
    found = {name: mean(values) for name, values in scores.items()}
    assert found == pytest.approx({"Hits@1": 0.846, "Hits@5": 0.958, "MRR@5": 0.892}, abs=0.002)
