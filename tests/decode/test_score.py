"""The paper's scores, and the other forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.decode.score import final_scores, largest_passage_score, passage_scores, ranking, title_scores


def test_title_scores_are_a_softmax_of_probabilities_not_of_logarithms():
    scores = title_scores(np.log([0.8, 0.2]), tau=0.4)
    assert scores == pytest.approx(np.exp([2.0, 0.5]) / np.exp([2.0, 0.5]).sum())


def test_a_small_tau_prefers_the_best_title():
    assert title_scores(np.log([0.8, 0.2]), tau=1e-3) == pytest.approx([1, 0])


def test_with_lengths_a_title_counts_by_the_mean_of_its_tokens():
    scores = title_scores(np.log([0.25, 0.125]), tau=0.4, lengths=np.array([2, 3]))
    assert scores == pytest.approx([0.5, 0.5])


def test_passage_scores_fall_with_rejection():
    scores = passage_scores(np.array([0.1, 0.9]), delta=0.4)
    assert scores == pytest.approx(np.exp([2.25, 0.25]) / np.exp([2.25, 0.25]).sum())


def test_passage_scores_sum_to_one_within_each_title():
    scores = passage_scores(np.array([0.1, 0.5, 0.9]), delta=0.4, groups=np.array([1, 0, 1]))
    assert scores[1] == 1
    assert scores[[0, 2]] == pytest.approx(np.exp([2.25, 0.25]) / np.exp([2.25, 0.25]).sum())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.01, 10))
def test_no_passage_scores_above_the_largest_possible(rejections, delta):
    bound = largest_passage_score(len(rejections), delta)
    assert passage_scores(np.array(rejections), delta).max() <= bound * (1 + 1e-12)


@pytest.mark.parametrize("passages", [1, 2, 10])
def test_the_largest_possible_score_is_reached(passages):
    rejections = np.array([0.0] + [1.0] * (passages - 1))
    assert passage_scores(rejections, 0.4)[0] == pytest.approx(largest_passage_score(passages, 0.4))


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("product", [0.06, 0.14]),
        ("title", [0.2, 0.2]),
        ("assessment", [0.3, 0.7]),
        ("likelihood", [0.03, 0.035]),
        ("query_likelihood", np.log([0.05, 0.1])),
    ],
)
def test_final_scores(kind, expected):
    s_t, s_p, logprobs = np.array([0.2, 0.2]), np.array([0.3, 0.7]), np.log([0.5, 0.25])
    assert final_scores(kind, s_t, s_p, logprobs, np.log([0.5, 0.5]), np.log([0.1, 0.2])) == pytest.approx(expected)


def test_equal_scores_are_ranked_by_likelihood_then_by_number():
    assert ranking([0.1, 0.5, 0.5, 0.5], [0.0, -2.0, -1.0, -1.0], [1, 2, 9, 3]) == [3, 2, 1, 0]


def test_nothing_found():
    assert title_scores(np.array([]), 0.4).shape == (0,)
