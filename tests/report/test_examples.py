import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.evaluate.stage import evaluate
from srdist.report.examples import excerpt, read_examples, spread
from tests.evaluate.hand_made import make_config, make_run

LONG = " ".join(f"word{number}" for number in range(400))


def joined(pieces):
    return "".join(text for text, _ in pieces)


def test_questions_are_taken_at_even_distances():
    assert spread(range(100), 4) == [0, 25, 50, 75]
    assert spread("abc", 12) == ["a", "b", "c"]
    assert spread("abc", 0) == []


def test_short_passage_is_shown_whole_with_the_answer_marked():
    assert excerpt("The Nile floods.", ["nile"]) == [("The ", False), ("Nile", True), (" floods.", False)]


def test_only_whole_words_are_the_answer():
    assert excerpt("Nilex and the Nile", ["nile"]) == [("Nilex and the ", False), ("Nile", True)]
    assert excerpt("Nilex", ["nile", ""]) == [("Nilex", False)]


def test_long_passage_is_cut_around_the_answer():
    pieces = excerpt(LONG, ["word200"])
    assert ("word200", True) in pieces
    assert joined(pieces).startswith("… ") and joined(pieces).endswith(" …")
    assert 250 <= len(joined(pieces)) <= 310


def test_long_passage_without_answer_shows_its_beginning():
    assert joined(excerpt(LONG, [])).startswith("word0 word1 ")


def test_long_passage_without_spaces_is_cut_between_characters():
    text = "尼罗河很长，" * 100
    assert joined(excerpt(text, [])) == text[:300] + " …"
    assert joined(excerpt("东京 " + text, [])) == "东京 " + text[:297] + " …"
    pieces = excerpt(text + "东京，" + text, ["东京"])
    assert ("东京", True) in pieces
    assert len(joined(pieces)) == 304


@given(st.text(max_size=900), st.lists(st.text(max_size=400), max_size=3))
def test_excerpt_is_a_piece_of_the_passage(text, answers):
    shown = joined(excerpt(text, answers))
    assert shown in text or shown.removeprefix("… ").removesuffix(" …") in text


@pytest.mark.parametrize(
    ("query", "verdict"), [("river", "right"), ("animal", "partly"), ("peak", "wrong"), ("lost", "unjudged")]
)
def test_examples_join_question_candidates_and_verdict(tmp_path, query, verdict):
    make_run(tmp_path)
    evaluate(make_config(tmp_path))
    examples = {example["query"]: example for example in read_examples(tmp_path, 12)}
    assert examples[query]["verdict"] == verdict
    assert [candidate["is_gold"] for candidate in examples["river"]["found"]] == [False, True]
    assert examples["peak"]["found"] == [] and examples["peak"]["answer"] == ""
