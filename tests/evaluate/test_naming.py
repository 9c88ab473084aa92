import pytest

from srdist.evaluate.naming import measure_by_naming, naming_kind
from srdist.evaluate.records import JudgedQuery


def query(text, *titles):
    return JudgedQuery("q", text, [], [], [], list(titles))


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("named", query("how long is the Nile?", "blue whale", "the nile")),
        ("named", query("who sells barcodes", "barcode")),
        ("unnamed", query("what is the longest river", "the nile")),
        ("unnamed", query("who is it", "it")),
        (None, query("how long is the nile")),
    ],
)
def test_a_question_names_a_title_by_a_word_with_content(kind, asked):
    assert naming_kind(asked, "en") == kind


def test_where_the_language_has_no_stop_words_every_word_counts():
    assert naming_kind(query("who is the king", "the nile"), "xx") == "named"


def test_each_kind_has_its_own_means():
    kinds = {"a": "named", "b": "unnamed", "c": "unnamed", "d": None}
    scores = {"Hits@1": {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}}
    assert measure_by_naming(kinds, {"BM25": scores}, scores) == {
        "named": {"queries": 1, "title": {"Hits@1": 1.0}, "systems": {"BM25": {"Hits@1": 1.0}}},
        "unnamed": {"queries": 2, "title": {"Hits@1": 0.5}, "systems": {"BM25": {"Hits@1": 0.5}}},
    }


def test_a_kind_without_queries_is_left_out():
    assert list(measure_by_naming({"a": "named"}, {}, {})) == ["named"]
