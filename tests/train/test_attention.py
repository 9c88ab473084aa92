"""Attention example by example is that of `transformers` with a mask."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from srdist.train.attention import register_packed_attention

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
}
LENGTHS = (5, 1, 20, 9)


def logits(kind, kernel, **settings):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SIZES, **settings)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=kernel).eval()
    tokens = torch.arange(sum(LENGTHS))[None] % 50
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None]
    return model(input_ids=tokens, position_ids=positions, use_cache=False).logits


@pytest.mark.parametrize(
    ("kind", "settings"), [("llama", {}), ("mistral", {"sliding_window": 4}), ("stablelm", {"use_qkv_bias": True})]
)
def test_logits_are_those_of_a_mask(kind, settings):
    kernel = register_packed_attention()
    torch.testing.assert_close(logits(kind, kernel, **settings), logits(kind, "eager", **settings))


def test_another_window_gives_other_logits():
    kernel = register_packed_attention()
    assert not torch.allclose(
        logits("mistral", kernel, sliding_window=4), logits("mistral", kernel, sliding_window=None), atol=1e-4
    )
