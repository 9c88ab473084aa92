import json

import pytest

from srdist.errors import UserError
from srdist.evaluate.stage import evaluate
from srdist.storage.manifest import manifest_path
from srdist.storage.runs import read_run
from tests.evaluate.hand_made import add_baseline, make_config, make_run

MEASURES = {"measures": ["Success@1", "RR@5"]}


@pytest.fixture
def run(tmp_path):
    make_run(tmp_path)
    return make_config(tmp_path, evaluate=MEASURES)


def means(system):
    return {key: value for key, value in system.items() if key not in ("intervals", "comparison")}


def metrics_of(config):
    evaluate(config)
    return json.loads((config.run_dir / "evaluate" / "metrics.json").read_text())


def test_systems_stand_side_by_side_over_all_four_test_queries(run):
    metrics = metrics_of(run)
    assert metrics["measures"] == ["Hits@1", "MRR@5"]
    assert means(metrics["systems"]["Self-Retrieval"]) == {
        "passage": {"Hits@1": 1 / 4, "MRR@5": (1 / 2 + 1) / 4},
        "document": {"Hits@1": 2 / 4, "MRR@5": 2 / 4},
        "title": {"Hits@1": 1 / 4, "Hits@5": 2 / 4},
        "missing_predictions": 1,
    }
    assert means(metrics["systems"]["BM25"]) == {
        "passage": {"Hits@1": 2 / 4, "MRR@5": (1 + 1 / 2 + 1) / 4},
        "document": {"Hits@1": 2 / 4, "MRR@5": (1 + 1 / 2 + 1) / 4},
        "missing_predictions": 0,
    }


def test_what_is_missing_is_counted_and_shown(run):
    metrics = metrics_of(run)
    assert metrics["queries"] == {"test": 4, "without_gold": 1, "without_answers": 1}
    assert evaluate(run).counts == {"queries": 4, "without_gold": 1, "without_prediction": 1, "systems": 3}


def test_where_each_query_was_lost(run):
    """Nobody searched for `peak`; `river` has another passage of the gold title in front."""
    lost = {kind: count for kind, count in metrics_of(run)["outcomes"].items() if count}
    assert lost == {"found": 1, "gold not in the corpus": 1, "title not generated": 1, "lost in assessment": 1}
    lines = (run.run_dir / "evaluate" / "per_query.jsonl").read_text().splitlines()
    kinds = ["lost in assessment", "found", "title not generated", "gold not in the corpus"]
    assert [json.loads(line)["outcome"] for line in lines] == kinds


def test_questions_that_name_no_gold_title_are_measured_apart(run):
    (part,) = metrics_of(run)["naming"].values()
    assert part["queries"] == 3
    assert part["title"] == {"Hits@1": 1 / 3, "Hits@5": 2 / 3}
    assert part["systems"]["Self-Retrieval"] == {"Hits@1": 1 / 3, "MRR@5": pytest.approx((1 / 2 + 1) / 3)}
    assert part["systems"]["BM25"] == {"Hits@1": 2 / 3, "MRR@5": pytest.approx((1 + 1 / 2 + 1) / 3)}
    lines = (run.run_dir / "evaluate" / "per_query.jsonl").read_text().splitlines()
    assert [json.loads(line)["naming"] for line in lines] == ["unnamed", "unnamed", "unnamed", None]


def test_answers_are_judged_over_the_queries_with_accepted_ones(run):
    answers = metrics_of(run)["answers"]
    assert answers == {"EM": 1 / 3, "F1": pytest.approx((1 + 2 / 3) / 3), "queries": 3, "missing_predictions": 1}


def test_a_line_per_query_tells_the_rank_of_the_gold(run):
    evaluate(run)
    lines = [json.loads(line) for line in (run.run_dir / "evaluate" / "per_query.jsonl").read_text().splitlines()]
    assert [line["query"] for line in lines] == ["river", "animal", "peak", "lost"]
    river, animal, peak, lost = lines
    assert river["rank"] == {
        "Self-Retrieval": {"passage": 2, "document": 1},
        "BM25": {"passage": 1, "document": 1},
        "Hybrid": {"passage": 1, "document": 1},
    }
    assert river["gold"] == {"passage": ["nile-1"], "document": ["nile"], "title": ["the nile"], "answer": ["Nile"]}
    assert animal["title_rank"] == 2 and animal["em"] == 0 and animal["f1"] == pytest.approx(2 / 3)
    assert peak["rank"]["Self-Retrieval"] == {"passage": None, "document": None}
    assert peak["answer"] is None and peak["em"] == 0
    assert lost["em"] is None


def test_qrels_hold_the_gold_of_the_test_queries(run):
    evaluate(run)
    text = (run.run_dir / "evaluate" / "qrels.trec").read_text()
    assert text == "river 0 nile-1 1\nanimal 0 whale-0 1\npeak 0 everest-0 1\n"


def test_running_again_changes_nothing(run):
    def files():
        folder = run.run_dir / "evaluate"
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}

    evaluate(run)
    before = files()
    evaluate(run)
    assert len(before) == 4 and files() == before


def test_a_baseline_added_later_is_a_changed_stage(run):
    evaluate(run)
    add_baseline(run.run_dir, "dense", {"river": ["nile-1"]})
    more = make_config(run.run_dir, evaluate=MEASURES, baselines={"systems": ["bm25", "dense"]})
    with pytest.raises(UserError, match="input baselines/dense changed"):
        evaluate(more)
    evaluate(more, overwrite=True)
    metrics = json.loads((run.run_dir / "evaluate" / "metrics.json").read_text())
    assert metrics["systems"]["Dense"]["passage"]["Hits@1"] == 1 / 4
    assert metrics["systems"]["Dense"]["missing_predictions"] == 3


@pytest.mark.parametrize(
    ("stage", "read", "cure"),
    [
        ("retrieve", "queries", "retrieve"),
        ("answer", "retrieve", "answer"),
        ("baselines.bm25", "passages", "baselines"),
    ],
)
def test_what_was_made_before_a_change_is_not_measured_after_it(run, stage, read, cure):
    path = manifest_path(run.run_dir, stage)
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "inputs": {read: "another digest"}}))
    with pytest.raises(UserError, match=rf"{read} changed since {stage} read it -- run `srdist {cure} --overwrite`"):
        evaluate(run, overwrite=True)


def test_hybrid_fuses_self_retrieval_with_the_baseline_it_names(run):
    evaluate(run)
    hybrid = read_run(run.run_dir / "evaluate" / "hybrid.trec")
    assert hybrid["peak"] == {"everest-0": pytest.approx(1 / 61)}
    assert hybrid["animal"] == {p: pytest.approx(1 / 61 + 1 / 62) for p in ("whale-0", "everest-0")}
    evaluate(make_config(run.run_dir, evaluate={**MEASURES, "fuse_with": None}), overwrite=True)
    assert not (run.run_dir / "evaluate" / "hybrid.trec").exists()


def test_figures_have_intervals_and_are_compared_with_the_baseline(run):
    metrics = metrics_of(run)
    own, bm25 = metrics["systems"]["Self-Retrieval"], metrics["systems"]["BM25"]
    low, high = own["intervals"]["passage"]["Hits@1"]
    assert 0 <= low <= own["passage"]["Hits@1"] <= high <= 1
    compared = own["comparison"]["passage"]["MRR@5"]
    assert compared["difference"] == pytest.approx(own["passage"]["MRR@5"] - bm25["passage"]["MRR@5"])
    assert metrics["against"] == "BM25" and "comparison" not in bm25


def test_a_baseline_that_is_not_run_cannot_be_compared_with(tmp_path):
    with pytest.raises(ValueError, match=r"names dense, which baselines\.systems lacks"):
        make_config(tmp_path, evaluate={"against": "dense"})


@pytest.mark.parametrize("stage", ["prepare", "retrieve", "answer", "baselines.bm25"])
def test_a_stage_that_was_not_run_is_named(run, stage):
    manifest_path(run.run_dir, stage).unlink()
    with pytest.raises(UserError, match=f"stage {stage} has not finished"):
        evaluate(run)


def test_unknown_measure_stops_before_any_work(run):
    config = make_config(run.run_dir, evaluate={"measures": ["Succes@1"]})
    with pytest.raises(UserError, match="Succes@1"):
        evaluate(config)
    assert not (run.run_dir / "evaluate").exists()


def test_no_answer_at_all_is_zero(tmp_path):
    make_run(tmp_path, answers={"river": ""})
    answers = metrics_of(make_config(tmp_path, evaluate=MEASURES))["answers"]
    assert answers == {"EM": 0.0, "F1": 0.0, "queries": 3, "missing_predictions": 3}
