import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.errors import UserError
from srdist.evaluate.measures import first_rank, mean, parse_measures, rank_documents, score_queries, shown_name

GOLD = {"first": ["a"], "third": ["c"], "two": ["x", "y"], "absent": ["a"], "no_gold": []}
RANKINGS = {
    "first": ["a", "b", "c"],
    "third": ["a", "b", "c"],
    "two": ["x", "b", "y"],
    "no_gold": ["a", "b"],
    "unknown": ["a"],
}


def measured(name):
    (scores,) = score_queries(parse_measures([name]), GOLD, RANKINGS).values()
    return scores


@pytest.mark.parametrize(
    ("name", "first", "third", "two"),
    [
        ("Success@1", 1, 0, 1),
        ("Success@3", 1, 1, 1),
        ("RR@5", 1, 1 / 3, 1),
        ("RR@2", 1, 0, 1),
        ("R@2", 1, 0, 1 / 2),
        ("P@2", 1 / 2, 0, 1 / 2),
        ("AP", 1, 1 / 3, (1 + 2 / 3) / 2),
        ("nDCG@10", 1, 1 / 2, (1 + 1 / 2) / (1 + 1 / math.log2(3))),
    ],
)
def test_values_are_those_computed_by_hand(name, first, third, two):
    assert measured(name) == pytest.approx({"first": first, "third": third, "two": two, "absent": 0, "no_gold": 0})


def test_queries_without_prediction_or_gold_are_in_the_mean():
    assert mean(measured("Success@1")) == 2 / 5


def test_no_prediction_at_all_is_zero():
    assert score_queries(parse_measures(["RR@5"]), {"q": ["a"]}, {}) == {"MRR@5": {"q": 0.0}}


def test_no_query_at_all_is_an_error():
    with pytest.raises(UserError, match="no test queries"):
        mean({})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Success@1", "Hits@1"),
        ("RR@5", "MRR@5"),
        ("RR", "MRR"),
        ("R@10", "Recall@10"),
        ("nDCG@10", "nDCG@10"),
        ("P(rel=2)@5", "Precision(rel=2)@5"),
    ],
)
def test_measures_are_shown_under_the_names_of_the_paper(name, shown):
    assert [shown_name(measure) for measure in parse_measures([name])] == [shown]


@pytest.mark.parametrize("name", ["Succes@1", "Hits@1", "RR@", "Success", "", "nDCG@10; AP", "R@0", "RR@-1", "ERR@10"])
def test_unknown_measure_is_named(name):
    with pytest.raises(UserError, match="has no measure") as caught:
        parse_measures([name])
    assert repr(name) in str(caught.value)


def test_document_stands_where_its_best_passage_stood():
    document_of = {"a-0": "a", "a-1": "a", "b-0": "b", "c-0": "c"}
    assert rank_documents(["b-0", "a-1", "b-0", "a-0", "c-0"], document_of) == ["b", "a", "c"]


@given(st.permutations("abcdefgh"), st.sets(st.sampled_from("abcdefghxyz")))
def test_reciprocal_rank_is_that_of_the_first_gold(ranking, gold):
    rank = first_rank(ranking, gold)
    scores = score_queries(parse_measures(["RR"]), {"q": sorted(gold)}, {"q": ranking})
    assert scores["MRR"]["q"] == pytest.approx(1 / rank if rank else 0)
