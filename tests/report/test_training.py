from srdist.report.training import describe_training


def test_a_curve_per_task_with_the_mean_of_its_last_tenth():
    records = [{"step": step, "phase": "a", "loss_indexing": 4.0, "loss_negative": 100 - step} for step in range(1, 21)]
    training = describe_training(records)
    assert training.legend == [("indexing", 4.0), ("negative", 80.5)]
    assert training.chart.count("<polyline") == 2


def test_facts_are_those_that_are_recorded():
    records = [
        {"step": 1, "phase": "a", "tokens": 1000, "tokens_per_second": 50.0, "learning_rate": 1e-5},
        {"step": 2, "phase": "a", "tokens": 2000, "tokens_per_second": 70.0, "learning_rate": 2e-5, "memory_gb": None},
    ]
    assert describe_training(records).facts == {
        "optimizer steps": "2",
        "tokens trained on": "2,000",
        "tokens per second (median)": "70",
        "peak learning rate": "2e-05",
    }


def test_nothing_to_draw():
    assert describe_training([]).chart is None
