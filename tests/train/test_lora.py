"""Adapters: trained, resumed and exported like a whole model."""

import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from srdist.config.lora import LoraConfig
from srdist.errors import UserError
from srdist.train.lora import with_adapters
from tests.train.ranks import losses, stop_ranks, train_ranks
from tests.train.tiny_run import make_run


def test_without_peft_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match=r"peft -- install it: pip install \"srdist\[lora\]\""):
        with_adapters(torch.nn.Linear(2, 2), LoraConfig())


def test_targets_that_the_model_lacks_are_refused(base):
    model = AutoModelForCausalLM.from_pretrained(base)
    with pytest.raises(UserError, match="train.lora does not fit the model.*qkv.*correct train.lora.targets"):
        with_adapters(model, LoraConfig(targets=["qkv"]))


def test_all_linear_modules_but_the_output_get_adapters_in_the_models_type(base):
    model = with_adapters(AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16), LoraConfig(rank=2))
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert len(trained) == 2 * 2 * 7  # A and B in both layers' q, k, v, o, gate, up, down
    assert all(".lora_" in name and parameter.dtype == torch.bfloat16 for name, parameter in trained.items())


@pytest.mark.slow
def test_resumed_by_another_number_of_ranks_it_ends_on_the_same_curve_and_is_merged(base, tmp_path):
    settings = {"lora": {"rank": 4, "alpha": 16, "dropout": 0.2}, "rows_per_step": 4}
    whole = train_ranks(make_run(tmp_path / "whole", base, **settings), 2)
    resumed = make_run(tmp_path / "resumed", base, **settings)
    stop_ranks(resumed, 2, 5)
    train_ranks(resumed, 1)
    assert losses(resumed) == pytest.approx(losses(whole), abs=5e-6)
    assert losses(whole)[-1] < losses(whole)[0]

    from peft import PeftModel

    model, tokens = whole.run_dir / "model", torch.arange(20)[None]
    merged = AutoModelForCausalLM.from_pretrained(model)
    original = AutoModelForCausalLM.from_pretrained(base)
    assert torch.equal(merged.model.embed_tokens.weight, original.model.embed_tokens.weight)
    before = original(tokens).logits
    adapted = PeftModel.from_pretrained(original, model / "adapter")
    torch.testing.assert_close(merged(tokens).logits, adapted(tokens).logits, atol=1e-5, rtol=0)
    assert (merged(tokens).logits - before).abs().max() > 1e-3
