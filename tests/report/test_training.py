import pytest

from srdist.report.training import describe_training


def test_a_curve_per_task_with_the_mean_of_its_last_tenth():
    records = [{"step": step, "loss": 9.0, "loss_indexing": 4.0, "loss_negative": 100 - step} for step in range(1, 21)]
    training = describe_training(records)
    assert training.legend == [("indexing", 4.0), ("negative", 80.5)]
    assert training.chart.count("<polyline") == 2


def test_either_spelling_of_the_keys():
    assert describe_training([{"step": 1, "loss_retrieval": 2.0}]).legend == [("retrieval", 2.0)]


def test_total_loss_stands_in_where_no_task_is_recorded():
    assert describe_training([{"step": 1, "loss": 2.0}, {"step": 2}]).legend == [("all tasks", 2.0)]


def test_facts_are_those_that_are_recorded():
    records = [
        {"step": 1, "loss": 1.0, "tokens": 1000, "tokens_per_second": 50.0, "learning_rate": 1e-5},
        {"step": 2, "loss": 1.0, "tokens": 2000, "tokens_per_second": 70.0, "learning_rate": 2e-5, "memory_gb": None},
    ]
    assert describe_training(records).facts == {
        "optimizer steps": "2",
        "tokens trained on": "2,000",
        "tokens per second (median)": "70",
        "peak learning rate": "2e-05",
    }


@pytest.mark.parametrize("records", [[], [{"step": 1}], [{"loss": 1.0}]])
def test_nothing_to_draw(records):
    assert describe_training(records).chart is None
