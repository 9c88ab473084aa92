import numpy as np
import pytest

from srdist.evaluate.significance import Resampling, compare, mean_interval

HOW = Resampling(resamples=2000, confidence=0.95)


def by_query(values):
    return {str(query): float(value) for query, value in enumerate(values)}


def test_the_interval_of_many_coin_tosses_is_that_of_the_normal_approximation():
    values = by_query(np.tile([0, 1], 200))
    low, high = mean_interval(values, HOW)
    assert low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006)
    assert high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.006)


def test_an_interval_can_be_made_again():
    values = by_query([0, 1, 1, 0, 1])
    assert mean_interval(values, HOW) == mean_interval(values, HOW)


@pytest.mark.parametrize("values", [[0.25], [1, 1, 1]])
def test_without_spread_the_interval_is_a_point(values):
    assert mean_interval(by_query(values), HOW) == [values[0], values[0]]


def test_few_queries_are_tested_exactly():
    """Of the 2^5 ways to swap five equal differences, two are as extreme."""
    compared = compare(by_query([1] * 5), by_query([0] * 5), HOW)
    assert compared["difference"] == 1
    assert compared["p"] == pytest.approx(2 / 32)


def test_one_query_shows_nothing():
    compared = compare(by_query([1]), by_query([0]), HOW)
    assert compared == {"difference": 1.0, "interval": [1.0, 1.0], "p": 1.0}


def test_equal_systems_do_not_differ():
    values = by_query([0, 1, 0.5])
    assert compare(values, values, HOW) == {"difference": 0.0, "interval": [0.0, 0.0], "p": 1.0}


def test_a_clear_difference_over_many_queries_is_one():
    generator = np.random.default_rng(0)
    better = generator.random(300) < 0.8
    assert compare(by_query(better), by_query(generator.random(300) < 0.6), HOW)["p"] < 0.001
    assert compare(by_query(better), by_query(generator.permutation(better)), HOW)["p"] > 0.05
