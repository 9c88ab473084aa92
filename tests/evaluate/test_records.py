import pytest

from srdist.errors import UserError
from srdist.evaluate.records import (
    documents_of,
    read_judged_queries,
    read_ranking,
    read_records,
    read_systems,
)
from tests.evaluate.hand_made import add_baseline, make_config, make_prepared, make_run


def test_only_test_queries_are_judged(tmp_path):
    make_prepared(tmp_path)
    queries = read_judged_queries(tmp_path)
    assert [query.id for query in queries] == ["river", "animal", "peak", "lost"]
    assert queries[0].passages == ["nile-1"] and queries[0].documents == ["nile"] and queries[0].titles == ["the nile"]


def test_the_systems_are_self_retrieval_and_the_baselines_of_the_config(tmp_path):
    make_run(tmp_path)
    add_baseline(tmp_path, "dense", {"river": ["nile-0"]})
    config = make_config(tmp_path, baselines={"systems": ["bm25", "dense"]})
    systems = read_systems(config)
    assert list(systems) == ["Self-Retrieval", "BM25", "Dense"] and systems["Dense"] == {"river": ["nile-0"]}


def test_ranking_is_by_score_and_equal_scores_keep_their_order(tmp_path):
    path = tmp_path / "run.trec"
    path.write_text("q Q0 low 1 0.25 t\nq Q0 same-b 2 0.5 t\nq Q0 same-a 3 0.5 t\nq Q0 same-c 4 0.5 t\n")
    assert read_ranking(path) == {"q": ["same-b", "same-a", "same-c", "low"]}


def test_documents_are_looked_up_in_all_partitions(tmp_path):
    make_prepared(tmp_path)
    assert documents_of(tmp_path, ["everest-0", "nile-1", "nile-1"]) == {"everest-0": "everest", "nile-1": "nile"}
    with pytest.raises(UserError, match="passage nobody-0, which is not in the corpus"):
        documents_of(tmp_path, ["nile-0", "nobody-0"])


def test_broken_record_is_named_with_its_line(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"query": "a"}\n["no object"]\n')
    with pytest.raises(UserError, match="line 2"):
        list(read_records(path))
    with pytest.raises(UserError, match=r"nothing.jsonl: cannot read it"):
        list(read_records(tmp_path / "nothing.jsonl"))
