import pytest
import torch

from srdist.config.schema import ModelConfig
from srdist.train.engine import attention_kernel, clip_before_steps, parameter_groups


def test_norms_and_biases_do_not_decay():
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3), torch.nn.LayerNorm(3))
    matrices, vectors = parameter_groups(model, 0.1)
    assert [tuple(parameter.shape) for parameter in matrices["params"]] == [(5, 4), (3, 4)]
    assert [tuple(parameter.shape) for parameter in vectors["params"]] == [(3,), (3,), (3,)]
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)


def test_partitioned_parameters_are_known_by_their_whole_shape():
    matrix = torch.nn.Parameter(torch.empty(0))
    matrix.ds_shape = torch.Size([4, 4])
    model = torch.nn.Module()
    model.weight = matrix
    assert parameter_groups(model, 0.1)[0]["params"] == [matrix]


def test_tied_weights_are_optimized_once():
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 5, bias=False))
    model[1].weight = model[0].weight
    assert len(parameter_groups(model, 0.1)[0]["params"]) == 1


def test_frozen_parameters_are_not_optimized():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    model[0].requires_grad_(False)
    matrices, vectors = parameter_groups(model, 0.1)
    assert [tuple(parameter.shape) for parameter in matrices["params"] + vectors["params"]] == [(2, 3), (2,)]


def test_gradients_are_clipped_before_a_step_and_their_norm_is_kept():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    clip_before_steps(optimizer, 1.0)
    weight.grad = torch.tensor([3.0, 4.0])
    optimizer.step()
    assert float(optimizer._global_grad_norm) == 5.0
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.6, -0.8]))


def test_attention_on_a_cpu():
    assert attention_kernel(ModelConfig(base="owner/model"), torch.device("cpu")) == "packed"
    assert attention_kernel(ModelConfig(base="owner/model", attention="eager"), torch.device("cpu")) == "eager"


@pytest.mark.parametrize(
    ("dtype", "capability", "installed", "kernel"),
    [
        ("bfloat16", (9, 0), True, "flash_attention_2"),
        ("bfloat16", (9, 0), False, "sdpa"),
        ("bfloat16", (7, 5), True, "sdpa"),
        ("float32", (9, 0), True, "sdpa"),
    ],
)
def test_attention_on_a_gpu(monkeypatch, dtype, capability, installed, kernel):
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: installed)
    assert attention_kernel(ModelConfig(base="owner/model", dtype=dtype), torch.device("cuda")) == kernel
