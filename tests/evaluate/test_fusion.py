import pytest

from srdist.evaluate.fusion import fuse


def test_scores_are_the_sums_of_reciprocal_ranks():
    fused = fuse([{"q": ["a", "b"]}, {"q": ["b", "c"]}], k=60, top_k=10)
    assert [passage for passage, _ in fused["q"]] == ["b", "a", "c"]
    assert dict(fused["q"]) == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62})


def test_a_query_of_one_system_only_keeps_its_ranking():
    fused = fuse([{"q": ["a"]}, {"other": ["c", "b"]}], k=60, top_k=10)
    assert [passage for passage, _ in fused["other"]] == ["c", "b"]


def test_equal_scores_are_ordered_by_descending_id_and_cut():
    assert fuse([{"q": ["a", "b"]}, {"q": ["b", "a"]}], k=1, top_k=1)["q"] == [("b", pytest.approx(1 / 2 + 1 / 3))]
