import pytest
import torch
from transformers import AutoModelForCausalLM

from srdist.train.attention import register_packed_attention
from srdist.train.data import Examples
from srdist.train.forward import token_losses
from srdist.train.packing import idle_row, make_row
from tests.train.tiny_run import make_base, write_mixture

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(params=["sdpa", "eager", "packed"])
def model(base, request):
    register_packed_attention()
    return AutoModelForCausalLM.from_pretrained(base, attn_implementation=request.param).train()


@pytest.fixture
def examples(tmp_path):
    write_mixture(tmp_path, 30, seed=5)
    return Examples(tmp_path)


def gradients(model):
    found = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    model.zero_grad()
    return found


def relative_difference(one, other):
    return float(((one - other).norm() / other.norm()).detach())


@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_equals_one_example_per_row(model, examples, checkpointing):
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    indexes = torch.arange(12).numpy()
    packed = token_losses(model, make_row(examples, indexes, 1000), CPU)
    packed.sum().backward()
    packed_gradients = gradients(model)
    alone = torch.cat([token_losses(model, make_row(examples, indexes[[index]], 1000), CPU) for index in range(12)])
    alone.sum().backward()
    assert relative_difference(packed, alone) < 1e-5
    assert relative_difference(packed_gradients, gradients(model)) < 1e-5


def test_the_loss_is_the_cross_entropy_of_the_trained_tokens(model, examples):
    tokens = torch.from_numpy(examples.tokens(4).astype("int64"))
    logits = model(tokens[None]).logits[0]
    prompt = int(examples.prompts[4])
    wanted = torch.nn.functional.cross_entropy(logits[prompt - 1 : -1], tokens[prompt:], reduction="none")
    row = make_row(examples, torch.tensor([4]).numpy(), 1000)
    torch.testing.assert_close(token_losses(model, row, CPU), wanted)


def test_an_idle_row_of_weight_zero_has_no_gradient(model):
    (token_losses(model, idle_row(), CPU).sum() * 0.0).backward()
    assert not gradients(model).any()
