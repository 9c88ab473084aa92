import pytest

from srdist.config.schema import TrainConfig
from srdist.train.schedule import learning_rate

CONFIG = TrainConfig(deepspeed="x.json", learning_rate=1.0, warmup_share=0.1, final_rate_share=0.2)


def test_the_rate_rises_linearly_to_the_peak():
    assert [learning_rate(step, 50, CONFIG) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_the_rate_falls_along_half_a_cosine():
    assert learning_rate(55, 100, CONFIG) == pytest.approx(0.6)
    assert learning_rate(100, 100, CONFIG) == pytest.approx(0.2)
    rates = [learning_rate(step, 100, CONFIG) for step in range(10, 100)]
    assert rates == sorted(rates, reverse=True)


def test_without_warm_up_training_begins_at_the_peak():
    assert learning_rate(0, 10, CONFIG.model_copy(update={"warmup_share": 0.0})) == 1.0


def test_every_step_of_the_shortest_training_trains():
    assert learning_rate(0, 1, CONFIG) > 0
