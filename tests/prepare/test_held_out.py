"""Queries set aside for validation never train, and test queries are never among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.corpus.records import Query
from srdist.errors import UserError
from srdist.prepare.gold import GoldPassage, ResolvedQuery
from srdist.prepare.held_out import hold_out
from srdist.prepare.stage import prepare
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TASKS, read_queries
from srdist.templates import load_tokenizer
from tests.tiny_run import tiny_config
from tests.train.tiny_run import make_config

GOLD = GoldPassage(0, 0, "d-0", "d", "title", True)


def query(number, split="train", text=None, gold=(GOLD,)):
    return ResolvedQuery(Query(f"q{number}", text or f"text {number}", split, (), ()), list(gold))


def config(folder, count, seed=0):
    found = make_config(folder, "/base", folder / "deepspeed.json")
    mixture = found.mixture.model_copy(update={"held_out_queries": count})
    return found.model_copy(update={"mixture": mixture, "seed": seed})


def held_out(resolved, settings):
    return {item.query.id for item in hold_out(resolved, settings) if item.query.split == "validation"}


@given(count=st.integers(0, 19), seed=st.integers(1, 3), order=st.permutations(range(20)))
def test_the_draw_depends_on_texts_alone(tmp_path_factory, count, seed, order):
    folder = tmp_path_factory.getbasetemp()
    chosen = held_out([query(number) for number in range(20)], config(folder, count))
    assert len(chosen) == count
    assert held_out([query(number) for number in order], config(folder, count, seed)) == chosen


def test_the_same_text_goes_together(tmp_path):
    twins = [query(number, text=f"text {number // 2}") for number in range(10)]
    assert len(held_out(twins, config(tmp_path, 3))) == 6


def test_only_training_queries_with_gold_are_taken(tmp_path):
    tests = [query(number, "test") for number in range(5)]
    without = [query(number, gold=()) for number in range(5, 9)]
    assert held_out([*tests, *without, query(9), query(10)], config(tmp_path, 1)) <= {"q9", "q10"}


@pytest.mark.parametrize("count", [2, 3])
def test_some_must_be_left_to_train(tmp_path, count):
    with pytest.raises(UserError, match="only 2 training queries have gold"):
        hold_out([query(1), query(2)], config(tmp_path, count))


def test_nothing_is_held_out_by_default(tmp_path):
    resolved = [query(1), query(2, "test")]
    assert hold_out(resolved, config(tmp_path, 0)) == resolved


@pytest.mark.slow
def test_held_out_queries_are_in_no_phase(tmp_path, ray_of_the_session):
    settings = tiny_config(tmp_path, mixture={"held_out_queries": 4})
    manifest = prepare(settings)
    assert [manifest.counts[f"{split}_queries"] for split in ("train", "validation", "test")] == [12, 4, 8]
    decode = load_tokenizer(settings.model.base).decode
    texts = {split: {row["text"] for row in read_queries(settings.run_dir, split)} for split in ("train", "validation")}

    def prompts(phase, task):
        for table in open_partitions(settings.run_dir / "mixture" / phase / "epoch-0"):
            for row in table.to_pylist():
                if TASKS[row["task"]] == task:
                    yield decode(row["tokens"][: row["prompt_tokens"]]).split("\n")[0].removeprefix("Question: ")

    for task in ("retrieval", "positive", "negative"):
        assert set(prompts("mixture", task)) == texts["train"]
        assert set(prompts("held_out", task)) == texts["validation"]
