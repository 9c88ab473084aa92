import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.evaluate.answers import exact_match, f1, normalise


@pytest.mark.parametrize(
    ("answer", "normalised"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("an  apple,\ta pear", "apple pear"),
        ("theatre", "theatre"),
        ("U.S.A.", "usa"),
        ("1,234", "1234"),
        ("the", ""),
    ],
)
def test_normalisation_is_that_of_squad(answer, normalised):
    assert normalise(answer) == normalised


@pytest.mark.parametrize(
    ("answer", "accepted", "exact", "overlap"),
    [
        ("The Nile.", ["nile"], 1, 1),
        ("blue whale", ["whale"], 0, 2 / 3),
        ("in 1992 or so", ["1992", "in 1992"], 0, 2 * 2 / (4 + 2)),
        ("the the cat cat", ["cat"], 0, 2 / 3),
        ("Paris", ["London", "Paris"], 1, 1),
        ("Paris", ["London"], 0, 0),
        ("the", ["a"], 1, 0),  # no word is left of either
        ("the", ["Paris"], 0, 0),
        ("Paris", [], 0, 0),
    ],
)
def test_best_accepted_answer_counts(answer, accepted, exact, overlap):
    assert exact_match(answer, accepted) == exact
    assert f1(answer, accepted) == pytest.approx(overlap)


@pytest.mark.parametrize("answer", [None, ""])
def test_no_answer_is_wrong_even_where_an_accepted_one_is_only_an_article(answer):
    assert exact_match(answer, ["the"]) == f1(answer, ["the"]) == 0.0


@given(st.text(min_size=1), st.lists(st.text()))
def test_f1_lies_between_exact_match_and_one(answer, accepted):
    assert f1(answer, accepted) <= 1
    assert exact_match(answer, accepted) <= f1(answer, accepted) or not normalise(answer)
    assert exact_match(answer, [*accepted, answer]) == 1
