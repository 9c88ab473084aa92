"""Operations are counted as torch counts them."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from srdist.train.data import Examples
from srdist.train.device import Rank
from srdist.train.flops import device_peak, model_size
from srdist.train.forward import token_losses
from srdist.train.packing import make_row
from srdist.train.plan import Work
from tests.train.tiny_run import make_base, make_config, write_mixture


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    base = make_base(tmp_path_factory.mktemp("base"))
    return AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager").train()


def test_the_size_counts_every_parameter_once(model):
    size = model_size(model)
    assert size.body + size.head == sum(parameter.numel() for parameter in model.parameters()), "the head is tied"
    assert size.head == 257 * 32
    assert size.attention == 2 * 32


def test_operations_are_those_that_torch_counts(model, tmp_path):
    write_mixture(tmp_path, 1, seed=1, partitions=1, longest=200)
    examples = Examples(tmp_path)
    with FlopCounterMode(display=False) as counter:
        token_losses(model, make_row(examples, np.array([0]), 1000), torch.device("cpu")).sum().backward()
    length, trained = int(examples.lengths[0]), int(examples.lengths[0] - examples.prompts[0])
    size = model_size(model)
    flops = size.flops(Work(1, length, length**2, np.array([trained, 0, 0, 0])))
    upper_half = 6 * size.attention * length**2
    assert flops + upper_half == pytest.approx(counter.get_total_flops(), rel=0.02), "eager attention does both halves"


def test_the_peak_of_an_unknown_device_comes_from_the_config(tmp_path):
    for tflops, peak in ((None, None), (0.5, 5e11)):
        config = make_config(tmp_path, tmp_path, tmp_path / "deepspeed.json", peak_tflops=tflops)
        assert device_peak(config.train, Rank(0, 1, 0)) == peak
