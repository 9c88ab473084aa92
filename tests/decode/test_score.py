"""The paper's scores."""

import numpy as np
import pytest

from srdist.decode.score import passage_scores, ranking, title_scores


def test_title_scores_are_a_softmax_of_probabilities_not_of_logarithms():
    scores = title_scores(np.log([0.8, 0.2]), tau=0.4)
    assert scores == pytest.approx(np.exp([2.0, 0.5]) / np.exp([2.0, 0.5]).sum())


def test_a_small_tau_prefers_the_best_title():
    assert title_scores(np.log([0.8, 0.2]), tau=1e-3) == pytest.approx([1, 0])


def test_passage_scores_fall_with_rejection():
    scores = passage_scores(np.array([0.1, 0.9]), delta=0.4)
    assert scores == pytest.approx(np.exp([2.25, 0.25]) / np.exp([2.25, 0.25]).sum())


def test_passage_scores_sum_to_one_within_each_title():
    scores = passage_scores(np.array([0.1, 0.5, 0.9]), delta=0.4, groups=np.array([1, 0, 1]))
    assert scores[1] == 1
    assert scores[[0, 2]] == pytest.approx(np.exp([2.25, 0.25]) / np.exp([2.25, 0.25]).sum())


def test_equal_scores_are_ranked_by_number():
    assert ranking([0.1, 0.5, 0.5], [1, 9, 3]) == [2, 1, 0]


def test_nothing_found():
    assert title_scores(np.array([]), 0.4).shape == (0,)
