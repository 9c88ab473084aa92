"""`srdist plan`: what it finds out, and what it says about it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from srdist.config import load_config
from srdist.config.gpus import GPUS, find_gpu, peak_flops
from srdist.errors import UserError
from srdist.prepare.stage import prepare
from srdist.sizing.advice import cures
from srdist.sizing.estimate import estimate, make_setup
from srdist.sizing.machine import choose_machine
from srdist.sizing.memory import rank_memory
from srdist.sizing.model import read_dimensions
from srdist.sizing.table import print_plan
from srdist.sizing.work import estimated_work, prepared_work, read_corpus
from srdist.train.plan import make_plan
from tests.sizing.test_memory import SETUP, dimensions
from tests.tiny_run import make_experiment, tiny_config
from tests.train.tiny_run import make_config

pytestmark = pytest.mark.slow


def srdist(*arguments):
    command = [sys.executable, "-c", "from srdist.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-80g"),
        ("NVIDIA H100 PCIe", "h100-pcie-80g"),
        ("NVIDIA H200", "h200-141g"),
        ("NVIDIA A100-SXM4-40GB", "a100-40g"),
        ("NVIDIA A100 80GB PCIe", "a100-80g"),
        ("NVIDIA L40S", "l40s-48g"),
        ("NVIDIA L4", "l4-24g"),
        ("NVIDIA A10G", "a10g-24g"),
        ("NVIDIA A10", "a10-24g"),
        ("NVIDIA GeForce RTX 4090", "rtx4090-24g"),
    ],
)
def test_devices_are_known_by_their_names(device, name):
    assert peak_flops(device) == find_gpu(name).bf16_teraflops * 1e12


def test_unknown_devices():
    assert peak_flops("AMD EPYC") is None
    assert len({gpu.name for gpu in GPUS}) == len(GPUS)
    with pytest.raises(UserError, match="unknown GPU 'h1000'.*h100-80g"):
        find_gpu("h1000")


def test_a_gpu_needs_their_number(tmp_path):
    config = make_config(tmp_path, "/base", tmp_path / "deepspeed.json")
    with pytest.raises(UserError, match="--gpus-per-node"):
        choose_machine(config, 1, None, "h100-80g")


def test_an_unknown_model_names_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"somebody/else-9b are not known.*config\.json.*meta-llama/Llama-2-7b-hf"):
        dimensions(tmp_path, "somebody/else-9b")


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UserError, match="not known here"):
        dimensions(tmp_path, str(tmp_path))


def test_every_cure_fits(tmp_path):
    """What is advised for a 70B on 8 GPUs, one change alone or all together, is below the room that there is."""
    model = dimensions(tmp_path, "meta-llama/Llama-2-70b-hf")
    setup = replace(SETUP, nodes=1, ranks_per_node=8)
    needed = sum(rank_memory(model, setup).values())
    for room in (75.0, 40.0, 20.0):
        assert needed > room
        advised = cures(model, setup, room)
        assert advised
        for cure in advised:
            assert float(cure.rsplit(": ", 1)[1].removesuffix(" GiB")) <= room
    assert "a smaller model" in cures(model, setup, 0.5)[0]


def test_the_estimate_is_near_the_prepared_mixture(tmp_path, ray_of_the_session):
    config = tiny_config(tmp_path, documents=40)
    assert prepared_work(config) is None
    estimated = estimated_work(config, read_corpus(config))
    prepare(config)
    counted, plan = prepared_work(config), make_plan(config)
    assert sum(phase.tokens for phase in counted) == plan.facts["tokens"]
    assert sum(phase.trained_tokens for phase in counted) == plan.facts["trained_tokens"]
    assert sum(phase.rows for phase in counted) == plan.rows
    for guess, count in zip(estimated, counted, strict=True):
        assert guess.name == count.name
        assert guess.tokens == pytest.approx(count.tokens, rel=0.3)
        assert guess.trained_tokens == pytest.approx(count.trained_tokens, rel=0.3)


def test_the_command_says_what_does_not_fit_and_what_helps(tmp_path):
    path, plan = make_experiment(tmp_path), tmp_path / "plan.json"
    model = ["--set", "model.base=meta-llama/Llama-2-70b-hf", "--set", "model.dtype=bfloat16"]
    result = srdist("plan", path, *model, "--gpus-per-node", 8, "--gpu", "h100-80g", "--json", plan)
    assert result.returncode == 0, result.stderr
    assert "does not fit" in result.stderr and "4 nodes" in result.stderr
    found = json.loads(plan.read_text())
    assert not found["fits"] and found["memory_gib"]["total"] > found["room_gib"] and found["cures"]
    assert found["model"]["parameters"] == 68_976_648_192
    assert found["work"]["source"].startswith("estimated") and found["work"]["hours"] > 0
    assert found["disk_bytes"]["checkpoints"] == 4 * 12 * 68_976_648_192


@pytest.mark.parametrize(("there", "value_bytes"), [(True, 2), (False, 4)])
def test_auto_is_the_type_of_the_machine_that_the_plan_is_for(tmp_path, monkeypatch, there, value_bytes):
    monkeypatch.setattr("srdist.storage.models.has_bfloat16", lambda device: there)
    config = tiny_config(tmp_path).with_dtype("auto")
    parameters = read_dimensions(config).parameters
    here, gpus = choose_machine(config, 1, None, None), choose_machine(config, 1, 1, "h100-80g")
    for machine, each in [(here, value_bytes), (gpus, 2)]:
        assert estimate(config, machine, 0.4)["memory_gib"]["weights"] == pytest.approx(each * parameters / 2**30)


def test_this_machine_without_options(tmp_path):
    config = tiny_config(tmp_path)
    plan = estimate(config, choose_machine(config, 1, None, None), 0.4)
    assert plan["fits"] and plan["cures"] == []
    assert plan["memory_gib"]["total"] == pytest.approx(sum(plan["memory_gib"].values()) / 2)
    assert plan["work"]["hours"] > 0


def test_the_plan_of_this_machine_has_the_ranks_that_would_start(tmp_path):
    for processes, ranks in [("auto", 1), (3, 3)]:
        config = load_config(make_experiment(tmp_path, train={"processes": processes}))
        assert choose_machine(config, 1, None, None).ranks_per_node == ranks
        assert choose_machine(config, 1, 2, None).ranks_per_node == 2


def test_ranks_without_rows_spare_no_time(tmp_path, capsys):
    path, hours = make_experiment(tmp_path), {}
    for ranks, rows in [(1, 2), (2, 2), (8, 2), (2, 3)]:
        config = load_config(path, [f"train.rows_per_step={rows}"])
        plan = estimate(config, choose_machine(config, 1, ranks, "h100-80g"), 0.4)
        hours[ranks, rows] = plan["work"]["hours"]
        print_plan(plan, Console(width=200))
        assert ("a multiple of" in capsys.readouterr().out) == (rows % ranks > 0)
    assert hours[8, 2] == hours[2, 2] == hours[1, 2] / 2
    size = read_dimensions(config).size
    operations = 6 * sum(
        size.body * phase["tokens"] + size.head * phase["trained_tokens"] + size.attention * phase["squares"]
        for phase in plan["work"]["phases"]
    )
    assert hours[1, 2] * 3600 * 0.4 * 989e12 == pytest.approx(operations)
    assert hours[2, 3] == pytest.approx(hours[1, 2] / 1.5)


def test_a_corpus_that_is_elsewhere_leaves_the_memory(tmp_path):
    config = tiny_config(tmp_path)
    (tmp_path / "documents.jsonl").unlink()
    plan = estimate(config, choose_machine(config, 1, 8, "h100-80g"), 0.4)
    assert plan["memory_gib"]["total"] > 0
    assert plan["work"]["source"].startswith("unknown: the corpus cannot be read") and plan["work"]["hours"] is None
    assert plan["disk_bytes"]["mixture"] is None


def test_a_corpus_in_a_package_that_is_not_installed_is_named_with_its_cure(tmp_path):
    config = load_config(make_experiment(tmp_path), ["corpus.documents=[{format: jsonl, path: 'package:absent/x'}]"])
    plan = estimate(config, choose_machine(config, 1, 8, "h100-80g"), 0.4)
    reason = "the Python package absent is not installed -- pip install --no-deps absent"
    assert plan["work"]["source"] == f"unknown: the corpus cannot be read ({reason})"


def test_contradictions_of_the_deepspeed_file_are_found(tmp_path):
    config = tiny_config(tmp_path)
    config.train.deepspeed.write_text('{"zero_optimization": {"stage": 3}, "optimizer": {}}')
    with pytest.raises(UserError, match="'optimizer'"):
        make_setup(config, 1, 8)


def test_dimensions_of_a_folder_are_those_of_its_model(tmp_path):
    from transformers import AutoModelForCausalLM

    config = tiny_config(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(config.model.base)
    assert read_dimensions(config).parameters == model.num_parameters()
