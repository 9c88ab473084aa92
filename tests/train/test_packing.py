import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.train.data import Examples
from srdist.train.packing import idle_row, make_row, pack
from tests.train.tiny_run import write_mixture

ROW = 64
lengths_of_examples = st.lists(st.integers(1, ROW), min_size=1, max_size=200).map(np.array)


@given(lengths_of_examples)
def test_no_row_is_longer_than_the_limit(lengths):
    rows = pack(lengths, ROW)
    assert np.bincount(rows, weights=lengths).max() <= ROW


@given(lengths_of_examples)
def test_rows_are_numbered_by_their_first_example_and_none_is_empty(lengths):
    rows = pack(lengths, ROW)
    _, first = np.unique(rows, return_index=True)
    assert set(rows) == set(range(rows.max() + 1))
    assert np.array_equal(first, np.sort(first))


@given(lengths_of_examples)
def test_an_example_goes_to_the_row_that_it_fills_best(lengths):
    rows = pack(lengths, ROW, open_rows=len(lengths))
    room = np.full(rows.max() + 1, ROW)
    opened = 0
    for length, row in zip(lengths, rows, strict=True):
        fitting = room[:opened][room[:opened] >= length]
        assert row == opened if not len(fitting) else room[row] == fitting.min()
        opened = max(opened, row + 1)
        room[row] -= length


@given(lengths_of_examples, st.integers(1, 5))
def test_few_rows_stay_open(lengths, open_rows):
    rows = pack(lengths, ROW, open_rows)
    for example in range(len(rows)):
        unfinished = set(rows[:example]) & set(rows[example:])
        assert len(unfinished) <= open_rows


@pytest.mark.parametrize("row_tokens", [512, 2048])
def test_padding_is_at_most_three_percent(row_tokens):
    random = np.random.default_rng(0)
    views, assessments = random.integers(18, 40, 8000), random.integers(60, 400, 4000)
    lengths = random.permutation(np.concatenate([views, assessments]))
    rows = pack(lengths, row_tokens)
    assert 1 - lengths.sum() / ((rows.max() + 1) * row_tokens) <= 0.03


def test_a_row_joins_its_examples_and_predicts_their_trained_tokens(tmp_path):
    write_mixture(tmp_path, 20, seed=3)
    examples = Examples(tmp_path)
    indexes = np.array([7, 2, 11])
    row = make_row(examples, indexes, 1000)
    tokens = [examples.tokens(index).tolist() for index in indexes]
    prompts = examples.prompts[indexes]
    assert row.tokens.tolist() == [token for example in tokens for token in example]
    assert row.positions.tolist() == [position for example in tokens for position in range(len(example))]
    trained = [example[prompt:] for example, prompt in zip(tokens, prompts, strict=True)]
    assert row.targets.tolist() == [token for example in trained for token in example]
    assert np.array_equal(row.tokens[row.predicting + 1], row.targets)
    assert row.tasks.tolist() == np.repeat(examples.tasks[indexes], examples.lengths[indexes] - prompts).tolist()


def test_an_example_is_cut_at_its_end(tmp_path):
    write_mixture(tmp_path, 20, seed=3)
    examples = Examples(tmp_path)
    longest = int(examples.lengths.argmax())
    limit = int(examples.lengths[longest]) - 2
    assert make_row(examples, np.array([longest]), limit).tokens.tolist() == examples.tokens(longest)[:limit].tolist()


def test_the_first_token_of_an_example_is_never_predicted_from_its_neighbour(tmp_path):
    write_mixture(tmp_path, 20, seed=3)
    examples = Examples(tmp_path)
    examples.prompts[:] = 0
    row = make_row(examples, np.array([1, 2]), 1000)
    assert len(row.targets) == len(row.tokens) - 2
    assert (row.positions[row.predicting + 1] > 0).all()


def test_the_idle_row_has_a_target():
    row = idle_row()
    assert len(row.targets) == len(row.predicting) == len(row.tasks) == 1
