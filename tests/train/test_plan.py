from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.errors import UserError
from srdist.storage.tables import TASKS
from srdist.train.plan import Plan, make_plan
from tests.train.tiny_run import make_config, make_run


class Lengths(SimpleNamespace):
    """Examples without tokens."""

    def __len__(self):
        return len(self.lengths)


def examples(lengths, trained=1):
    lengths = np.array(lengths)
    return Lengths(lengths=lengths, prompts=lengths - trained, tasks=np.zeros(len(lengths), dtype=np.uint8))


epochs = st.lists(st.lists(st.integers(2, 64), min_size=1, max_size=60).map(examples), min_size=1, max_size=3)
phases = st.lists(epochs, min_size=1, max_size=3)
"""of each phase the examples of each epoch"""


@given(phases, st.integers(0, 9), st.integers(1, 7))
def test_every_example_comes_once_in_every_epoch(phases, seed, rows_per_step):
    plan = Plan(phases, seed, 64, rows_per_step)
    assert [(epoch.phase, epoch.number) for epoch in plan.epochs] == [
        (phase, number) for phase, epochs in enumerate(phases) for number in range(len(epochs))
    ]
    for epoch in plan.epochs:
        assert epoch.examples is phases[epoch.phase][epoch.number]
        assert sorted(epoch.indexes) == list(range(len(epoch.examples)))


@given(phases, st.integers(1, 7))
def test_steps_take_all_rows_in_order(phases, rows_per_step):
    plan = Plan(phases, 0, 64, rows_per_step)
    rows = [row for step in range(plan.steps) for row in plan.step_rows(step)]
    assert rows == list(range(plan.rows))
    assert all(len(plan.step_rows(step)) == rows_per_step for step in range(plan.steps - 1))
    assert len(plan.step_rows(plan.steps - 1)) >= 1


@given(phases)
def test_counts_of_the_steps_add_up(phases):
    plan = Plan(phases, 0, 64, 3)
    works = [plan.work(step) for step in range(plan.steps)]
    everything = [examples for epochs in phases for examples in epochs]
    assert sum(work.rows for work in works) == plan.rows
    assert sum(work.tokens for work in works) == plan.facts["tokens"] == sum(int(e.lengths.sum()) for e in everything)
    assert sum(work.squares for work in works) == sum(int((e.lengths**2).sum()) for e in everything)
    assert sum(int(work.trained.sum()) for work in works) == plan.facts["trained_tokens"] == sum(map(len, everything))


def test_the_order_is_a_function_of_the_seed_only():
    def indexes(seed, rows_per_step):
        plan = Plan([[examples(range(2, 60))] * 2], seed, 64, rows_per_step)
        return [epoch.indexes.tolist() for epoch in plan.epochs]

    assert indexes(1, 1) == indexes(1, 5)
    assert indexes(1, 1) != indexes(2, 1)


def test_examples_too_long_are_cut_and_counted():
    facts = Plan([[examples([10, 70, 80], trained=8)]], 0, 64, 1).facts
    assert (facts["examples_cut"], facts["examples_left_out"]) == (2, 1)  # of 80 - 8 prompt tokens, 64 remain
    assert facts["trained_tokens"] == 8 + 2


def test_the_plan_of_a_run(tmp_path):
    plan = make_plan(make_run(tmp_path, tmp_path / "base"))
    rows = [plan.row(number) for number in range(plan.rows)]
    assert sum(len(row.tokens) for row in rows) == plan.facts["tokens"]
    assert sum(len(row.targets) for row in rows) == plan.facts["trained_tokens"]
    assert max(len(row.tokens) for row in rows) <= 128
    assert plan.locate(plan.rows - 1)[0].phase == 1
    for step in (0, 2, plan.steps - 1):
        tasks = np.concatenate([rows[number].tasks for number in plan.step_rows(step)])
        assert plan.work(step).trained.tolist() == np.bincount(tasks, minlength=len(TASKS)).tolist()


def test_nothing_to_train_is_an_error_of_the_user(tmp_path):
    make_run(tmp_path, tmp_path / "base")
    with pytest.raises(UserError, match="no example has a trained token"):
        make_plan(make_config(tmp_path, tmp_path / "base", tmp_path / "deepspeed.json", row_tokens=1))


def test_each_epoch_of_drawn_examples_reads_its_own_table(tmp_path):
    *drawn, first, second = make_plan(make_run(tmp_path, tmp_path / "base")).epochs
    one, two, three = ({tuple(epoch.examples.tokens(index)) for index in range(61)} for epoch in drawn)
    assert not (one & two or two & three or three & one)
    assert first.examples is second.examples, "nothing is drawn in this phase"
    assert first.indexes.tolist() != second.indexes.tolist()
