"""A training goes on with another number of ranks, on the same curve."""

import pytest
import torch

from srdist.train.universal import separate_step_counters
from tests.train.ranks import (
    losses,
    records,
    stop_ranks,
    train_ranks,
)
from tests.train.tiny_run import make_run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zero", "ranks"),
    [
        ({"stage": 0}, [1, 2]),
        ({"stage": 1}, [2, 1]),
        ({"stage": 2, "offload_optimizer": {"device": "cpu"}}, [1, 2]),
        ({"stage": 3, "sub_group_size": 5000, "stage3_param_persistence_threshold": 0}, [2, 1, 2]),
    ],
    ids=["stage 0", "stage 1", "stage 2 offloaded", "stage 3"],
)
def test_the_number_of_ranks_may_change(zero, ranks, base, two_ranks, tmp_path):
    config = make_run(
        tmp_path / "rate [1e-5] +(x)", base, deepspeed={"zero_optimization": zero}, gradient_checkpointing=False
    )
    for number, count in enumerate(ranks[:-1]):
        stop_ranks(config, count, 3 * (number + 1))
    train_ranks(config, ranks[-1])
    assert losses(config) == pytest.approx(losses(two_ranks), abs=5e-6)
    for name in ("learning_rate", "tokens", "epoch"):
        assert [record[name] for record in records(config)] == [record[name] for record in records(two_ranks)]
    assert not (config.run_dir / "checkpoints").exists()


def test_step_counters_are_separated():
    weights = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))]
    optimizer, shared = torch.optim.AdamW(weights), torch.tensor(7.0)
    for weight in weights:
        optimizer.state[weight] = {"step": shared, "exp_avg": weight * 0, "exp_avg_sq": weight * 0}
        weight.grad = torch.zeros_like(weight)
    separate_step_counters(optimizer)
    optimizer.step()
    assert [float(optimizer.state[weight]["step"]) for weight in weights] == [8.0, 8.0]
