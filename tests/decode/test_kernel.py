"""The kernel gives what log_softmax and sorting give."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.decode.kernel import Choices, Rows, best_choices, choice_scores


def random_choices(generator, rows, vocabulary):
    sizes = generator.integers(0, 9, 2 * rows)
    row = generator.integers(0, rows, len(sizes))
    return Choices(row, np.cumsum([0, *sizes]), generator.integers(0, vocabulary, sizes.sum()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows, vocabulary", [(1, 7), (20, 500), (3, 300_000)])
def test_scores_are_those_of_log_softmax(dtype, rows, vocabulary):
    """Of float32 logits by loops, of bfloat16 ones by tensor operations."""
    generator = np.random.default_rng(rows)
    choices = random_choices(generator, rows, vocabulary)
    logits = torch.from_numpy(5 * generator.standard_normal((rows, vocabulary))).to(dtype)
    expected = logits.double().log_softmax(-1).numpy()
    scores = choice_scores(Rows.of(logits), choices)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(expected[np.repeat(choices.row, np.diff(choices.first)), choices.token], abs=1e-5)


def sorted_choices(score, ended, begin, end, beam, first_beam, wanted, limit):
    found = []
    for beams in pairwise(first_beam):
        all_of_it = [(beam[b] + score[c], b, c) for b in range(*beams) for c in range(begin[b], end[b])]
        found.append(sorted((c for c in all_of_it if ended[c[2]] == wanted), key=lambda item: -item[0])[:limit])
    return found


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
def test_best_choices_are_the_first_of_all_when_sorted(seed, searches, edges, width, keep):
    """Scores of a few values make ties: they stay in the order of beams and choices."""
    generator = np.random.default_rng(seed)
    first_beam = np.cumsum([0, *generator.integers(1, 5, searches)])
    begin = generator.integers(0, 50, first_beam[-1])
    end = begin + generator.integers(1, edges + 1, len(begin))
    score = -generator.integers(0, 6, 100).astype(np.float32) / 4
    beam = -generator.integers(0, 4, len(begin)) / 4.0
    arguments = score, generator.random(100) < 0.4, begin, end, beam, first_beam
    expected = [sorted_choices(*arguments, bool(kind), limit) for kind, limit in enumerate((width, keep))]
    assert best_choices(*arguments, (width, keep)).rows() == expected


def test_a_search_over_thousands_of_choices():
    generator = np.random.default_rng(0)
    score = generator.standard_normal(20_000).astype(np.float32)
    arrays = score, np.zeros(20_000, bool), np.array([0]), np.array([20_000]), np.zeros(1), np.array([0, 1])
    (going_on,), (ended,) = best_choices(*arrays, (10, 5)).rows()
    assert [choice for _, _, choice in going_on] == np.argsort(-score)[:10].tolist()
    assert ended == []
