"""The benchmark's four ways train on the same lengths; its figures come out as JSON."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from srdist.bench.train_loops import packed_batch, padded_batches, padded_epoch
from srdist.bench.train_run import RandomModel, generated_lengths, make_run
from srdist.train.packing import make_row
from srdist.train.plan import make_plan


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    base = RandomModel(hidden=64, layers=1, vocabulary=64).save(folder / "base")
    return make_run(folder, generated_lengths(), base, None)


@pytest.fixture
def epoch(run):
    return make_plan(run).epochs[1]


def test_the_lengths_are_those_of_the_quickstart():
    lengths, prompts, tasks = generated_lengths()["mixture"]
    assert np.bincount(tasks).tolist() == [0, 552, 276, 552]
    assert 70 < lengths.mean() < 78
    assert (prompts < lengths).all()


def test_packed_rows_have_little_padding(run):
    assert make_plan(run).facts["padding_share"] <= 0.03


def test_padded_batches_keep_to_the_budget_and_take_every_example_once(epoch):
    order = np.random.default_rng(0).permutation(len(epoch.examples))
    batches = padded_epoch(epoch, order, 2048)
    assert np.concatenate(batches).tolist() == order.tolist()
    slots = [int(epoch.examples.lengths[batch].max()) * len(batch) for batch in batches]
    assert max(slots) <= 2048
    assert sum(slots) > 1.4 * epoch.examples.lengths.sum()


def test_packed_and_padded_train_on_the_same_tokens(run, epoch):
    model = AutoModelForCausalLM.from_pretrained(run.model.base)
    examples, batch, cpu = epoch.examples, np.arange(7), torch.device("cpu")
    packed = packed_batch(make_row(examples, batch, 4096), cpu).loss(model)
    trained = int((examples.lengths - examples.prompts)[batch].sum())
    (padded,) = padded_batches(examples, batch, 1, cpu)
    torch.testing.assert_close(packed / trained, padded.loss(model))
    parts = padded_batches(examples, batch, 3, cpu)
    assert sum(int((part.inputs["labels"] >= 0).sum()) for part in parts) == trained


@pytest.mark.slow
def test_the_command_writes_its_figures(tmp_path):
    file = tmp_path / "figures.json"
    size = ["--hidden", "64", "--layers", "1", "--vocabulary", "64", "--steps", "1", "--repeats", "1"]
    command = [
        sys.executable,
        "-c",
        "from srdist.cli import main; main()",
        "bench",
        "train",
        *size,
        "--json",
        str(file),
    ]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"})
    figures = json.loads(file.read_text())
    assert set(figures) == {
        "padding_share",
        "padded_tokens",
        "trained_tokens_speedup",
        "loop_overhead",
        "zero3_over_plain",
        "tokens_per_second",
    }
    assert figures["padding_share"] <= 0.03
    assert figures["trained_tokens_speedup"] > 0
