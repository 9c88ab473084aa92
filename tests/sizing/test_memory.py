"""The plan's memory: model states are DeepSpeed's estimates, activations what a model really keeps."""

import json
from dataclasses import replace

import pytest

from srdist.sizing.memory import Setup, host_memory, layer_activations, model_states, rank_memory
from srdist.sizing.model import KNOWN, read_dimensions
from tests.train.tiny_run import make_config

LLAMA = {
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-2-13b-hf": 13_015_864_320,
    "meta-llama/Llama-2-70b-hf": 68_976_648_192,
}
OTHERS = {"HuggingFaceTB/SmolLM2-135M": 134_515_008, "stabilityai/stablelm-3b-4e1t": 2_795_443_200}
SETUP = Setup(nodes=2, ranks_per_node=8, stage=3, value_bytes=2, row_tokens=2048, checkpointing=True)


def dimensions(folder, base, **train):
    return read_dimensions(make_config(folder, base, folder / "deepspeed.json", **train))


@pytest.mark.slow
@pytest.mark.parametrize(("base", "parameters"), (LLAMA | OTHERS).items())
def test_parameters_are_those_that_are_published(tmp_path, base, parameters):
    found = dimensions(tmp_path, base)
    assert found.parameters == found.trained == parameters


@pytest.mark.slow
@pytest.mark.parametrize("base", LLAMA)
@pytest.mark.parametrize(("nodes", "ranks"), [(1, 8), (2, 8), (16, 8)])
def test_model_states_are_within_a_tenth_of_deepspeeds_estimators(tmp_path, monkeypatch, base, nodes, ranks):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as stage3
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as stage2

    model = dimensions(tmp_path, base)
    machine = {"num_gpus_per_node": ranks, "num_nodes": nodes}
    setup = replace(SETUP, nodes=nodes, ranks_per_node=ranks)
    for optimizer in (False, True):
        _, theirs = stage2(model.parameters, cpu_offload=optimizer, **machine)
        ours = sum(model_states(model, replace(setup, stage=2, offload_optimizer=optimizer)).values())
        assert ours == pytest.approx(theirs, rel=0.1)
        for parameters in (False, True)[: 1 + optimizer]:
            offload = {"cpu_offload": optimizer, "cpu_offload_params": parameters}
            _, theirs, _ = stage3(model.parameters, model.largest_layer, **offload, **machine)
            changed = replace(setup, offload_optimizer=optimizer, offload_parameters=parameters)
            assert sum(model_states(model, changed).values()) == pytest.approx(theirs, rel=0.1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A Llama with grouped keys, small enough to run, and its dimensions."""
    folder = tmp_path_factory.mktemp("small")
    values = json.loads((KNOWN / "HuggingFaceTB--SmolLM2-135M.json").read_text())
    values |= {"hidden_size": 96, "intermediate_size": 256, "num_attention_heads": 6, "num_key_value_heads": 2}
    values |= {"vocab_size": 300, "num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(values))
    return values, dimensions(folder, str(folder))


def kept_for_backward(values, layers, dtype, attention, checkpointing, tokens):
    """Return the bytes that a forward keeps, besides the weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = AutoConfig.for_model(**{**values, "num_hidden_layers": layers})
    model = AutoModelForCausalLM.from_config(settings, dtype=getattr(torch, dtype), attn_implementation=attention)
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=torch.arange(tokens)[None] % 300, use_cache=False, logits_to_keep=torch.arange(1))
    return sum(size for size, _ in kept.values())


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "value_bytes"), [("bfloat16", 2), ("float32", 4)])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_layer_keeps_what_the_formula_says(small, dtype, value_bytes, attention):
    values, model = small
    setup = replace(SETUP, value_bytes=value_bytes, row_tokens=128, eager=attention == "eager")
    two, four = (kept_for_backward(values, layers, dtype, attention, False, 128) for layers in (2, 4))
    assert (four - two) / 2 == pytest.approx(layer_activations(model, setup), rel=0.01)


@pytest.mark.slow
def test_a_checkpointed_layer_keeps_its_input(small):
    values, model = small
    two, four = (kept_for_backward(values, layers, "bfloat16", "sdpa", True, 128) for layers in (2, 4))
    assert (four - two) / 2 == pytest.approx(2 * model.hidden * 128, rel=0.1)


@pytest.mark.slow
def test_every_knob_saves_memory(tmp_path):
    model = dimensions(tmp_path, "meta-llama/Llama-2-7b-hf")
    base = replace(SETUP, stage=1, checkpointing=False, eager=True)
    changes = [
        {"stage": 2},
        {"checkpointing": True},
        {"eager": False},
        {"row_tokens": 1024},
        {"offload_optimizer": True},
        {"nodes": 4},
    ]
    before = sum(rank_memory(model, base).values())
    for change in changes:
        assert sum(rank_memory(model, replace(base, **change)).values()) < before, change
    assert before == pytest.approx(92.8, rel=0.01)


@pytest.mark.slow
def test_adapters_need_no_optimizer_for_the_rest(tmp_path):
    whole, adapted = (dimensions(tmp_path, "meta-llama/Llama-2-7b-hf", **lora) for lora in ({}, {"lora": {"rank": 16}}))
    assert adapted.trained < whole.trained / 100
    states = model_states(adapted, replace(SETUP, nodes=1, ranks_per_node=1))
    assert states["optimizer"] < 0.02 * 12 * whole.parameters


@pytest.mark.slow
def test_the_main_memory_of_a_node_holds_its_share_of_what_is_offloaded_and_the_model_to_be_exported(tmp_path):
    model = dimensions(tmp_path, "meta-llama/Llama-2-7b-hf")
    bytes_a_parameter = {
        (): 2,
        ("offload_optimizer",): 2 + 18 / 2,  # weights, moments and their gradient in float32, and one in bfloat16
        ("offload_optimizer", "offload_parameters"): 2 + 18 / 2 + 2 / 2,
    }
    for offloaded, size in bytes_a_parameter.items():
        setup = replace(SETUP, nodes=2, **dict.fromkeys(offloaded, True))
        assert host_memory(model, setup) * 2**30 == pytest.approx(size * 6_738_415_616)
