"""Real trainings by real ranks: the curve is the plain loop's, whatever the ranks, the packing and the kills."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from srdist.errors import UserError
from srdist.storage.manifest import read_manifest
from srdist.train.checkpoint import checkpoints
from srdist.train.device import free_port
from srdist.train.engine import parameter_groups
from srdist.train.plan import make_plan
from srdist.train.schedule import learning_rate
from srdist.train.stage import train
from tests.train.tiny_run import make_base, make_run

pytestmark = pytest.mark.slow
TIMINGS = ("seconds", "tokens_per_second", "trained_tokens_per_second", "memory_gb")
TRAIN = "import sys; from srdist.config import load_config; from srdist.train.stage import train; "
TRAIN += "train(load_config(sys.argv[1]))"


@pytest.fixture(scope="module", autouse=True)
def one_thread_per_rank():
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def base(folder):
    return make_base(folder / "base")


@pytest.fixture(scope="module")
def one_rank(folder, base):
    """A training by one rank, three rows accumulated to a step, gradients checkpointed."""
    config = make_run(folder / "one", base)
    train(config)
    return config


@pytest.fixture(scope="module")
def two_ranks(folder, base):
    """The same by two ranks (the second is idle every other time), started by torchrun."""
    config = make_run(folder / "two", base, gradient_checkpointing=False)
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    run_python(*launcher, "-m", "srdist.train.rank", str(written(config)))
    return config


def written(config):
    from srdist.config.load import save_config

    path = config.run_dir.parent / f"{config.run_dir.name}.yaml"
    save_config(config, path)
    return path


def run_python(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def start_training(config, **options):
    return subprocess.Popen([sys.executable, "-c", TRAIN, str(written(config))], stderr=subprocess.PIPE, **options)


def metrics(config):
    path = config.run_dir / "train" / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [{k: v for k, v in json.loads(line).items() if k not in TIMINGS} for line in lines]


def wait_for_steps(config, steps, process):
    while len(metrics(config)) < steps:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.02)


def weights(config):
    return (config.run_dir / "model" / "model.safetensors").read_bytes()


def losses(records):
    return [record["loss"] for record in records]


def plain_training(config):
    """Train with a plain PyTorch loop, one example a forward; return loss and gradient norm per step."""
    plan, model = make_plan(config), AutoModelForCausalLM.from_pretrained(config.model.base).train()
    optimizer = torch.optim.AdamW(parameter_groups(model, config.train.weight_decay), betas=config.train.betas)
    curve = []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan.steps, config.train)
        total, count = 0.0, 0
        for number in plan.step_rows(step):
            epoch, indexes = plan._examples_of(number)
            examples = plan.phases[epoch.phase]
            for index in indexes:
                tokens, prompt = torch.from_numpy(examples.tokens(index).astype("int64")), int(examples.prompts[index])
                logits = model(tokens[None]).logits[0, prompt - 1 : -1]
                total = total + torch.nn.functional.cross_entropy(logits, tokens[prompt:], reduction="sum")
                count += len(tokens) - prompt
        optimizer.zero_grad()
        (total / count).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.train.max_gradient_norm)
        optimizer.step()
        curve.append((float((total / count).detach()), float(norm)))
    return curve, model


def test_one_rank_gives_the_curve_and_the_model_of_a_plain_loop(one_rank):
    curve, model = plain_training(one_rank)
    records = metrics(one_rank)
    assert losses(records) == pytest.approx([loss for loss, _ in curve], abs=1e-5)
    assert [record["gradient_norm"] for record in records] == pytest.approx([norm for _, norm in curve], abs=1e-4)
    assert records[-1]["loss"] < records[0]["loss"]
    exported = AutoModelForCausalLM.from_pretrained(one_rank.run_dir / "model")
    for name, parameter in exported.named_parameters():
        torch.testing.assert_close(parameter, model.get_parameter(name), atol=2e-4, rtol=0, check_device=False)


def test_two_ranks_give_the_same_curve(one_rank, two_ranks):
    one, two = metrics(one_rank), metrics(two_ranks)
    assert len(one) == len(two) == one[-1]["steps"]
    for name in ("loss", "loss_indexing", "loss_retrieval", "loss_positive", "loss_negative", "gradient_norm"):
        assert [r.get(name) for r in one] == pytest.approx([r.get(name) for r in two], abs=1e-5), name


def test_two_ranks_without_accumulation_give_the_curve_of_a_plain_loop(folder, base):
    shipped = json.loads((Path(__file__).parents[2] / "configs" / "deepspeed" / "zero3_cpu.json").read_text())
    config = make_run(folder / "no_accumulation", base, deepspeed=shipped, processes=2, rows_per_step=2)
    train(config)
    assert losses(metrics(config)) == pytest.approx([loss for loss, _ in plain_training(config)[0]], abs=1e-5)


def test_records_name_phase_epoch_and_rate(one_rank):
    records, plan = metrics(one_rank), make_plan(one_rank)
    assert [record["step"] for record in records] == list(range(1, plan.steps + 1))
    assert [record["learning_rate"] for record in records] == [
        learning_rate(step, plan.steps, one_rank.train) for step in range(plan.steps)
    ]
    assert (records[0]["phase"], records[0]["epoch"]) == ("indexing", 1)
    assert (records[-1]["phase"], records[-1]["epoch"]) == ("mixture", 2)
    assert records[-1]["tokens"] == plan.facts["tokens"]


@pytest.mark.parametrize("ranks", ["one_rank", "two_ranks"])
def test_the_manifest_counts_and_the_checkpoints_are_gone(ranks, request):
    config = request.getfixturevalue(ranks)
    manifest = read_manifest(config.run_dir, "train")
    manifest.verify(config.run_dir)
    assert manifest.counts["steps"] == make_plan(config).steps
    assert "model/model.safetensors" in manifest.files
    assert not (config.run_dir / "checkpoints").exists()


def test_a_finished_training_is_not_done_again(one_rank):
    before = (one_rank.run_dir / "train" / "log.txt").stat().st_mtime_ns
    train(one_rank)
    assert (one_rank.run_dir / "train" / "log.txt").stat().st_mtime_ns == before


def test_a_changed_setting_is_refused(one_rank):
    changed = one_rank.model_copy(update={"seed": 1})
    with pytest.raises(UserError, match="seed was 0, is 1"):
        train(changed)


def test_killed_and_started_again_it_ends_with_the_same_bytes(folder, base, two_ranks):
    config = make_run(folder / "killed", base, processes=2, gradient_checkpointing=False)
    process = start_training(config, start_new_session=True)
    wait_for_steps(config, random.randint(5, 14), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    train(config)
    assert metrics(config) == metrics(two_ranks)
    assert weights(config) == weights(two_ranks)


def test_stopped_by_a_signal_it_saves_and_asks_to_be_started_again(folder, base, one_rank):
    config = make_run(folder / "stopped", base, checkpoint_steps=3)
    process = start_training(config)
    wait_for_steps(config, 4, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 85
    *_, newest = checkpoints(config.run_dir / "checkpoints")
    assert int(newest.name.removeprefix("step-")) == len(metrics(config)) < make_plan(config).steps

    more_ranks = config.model_copy(update={"train": config.train.model_copy(update={"processes": 2})})
    with pytest.raises(UserError, match="written by 1 ranks, this training has 2"):
        train(more_ranks)

    damaged = next(newest.rglob("*optim_states.pt"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    train(config)
    log = (config.run_dir / "train" / "log.txt").read_text()
    assert f"checkpoint {newest} is damaged (engine/{damaged.name}) and not used" in log
    assert metrics(config) == metrics(one_rank)
    assert weights(config) == weights(one_rank)


def test_a_mistake_seen_by_a_rank_reaches_the_user_as_one_line(folder, base):
    config = make_run(folder / "mistake", base)
    config = config.model_copy(update={"model": config.model.model_copy(update={"attention": "flash_attention_2"})})
    with pytest.raises(UserError, match=r"training failed: .*cannot load the base model.*see .*log.txt") as error:
        train(config)
    assert "\n" not in str(error.value)


def test_the_exported_model_gives_the_logits_of_the_engine(folder, base):
    config = make_run(folder / "exported", base)
    engine_logits = torch.load(in_its_own_process(_export_and_save_logits, config))
    exported = AutoModelForCausalLM.from_pretrained(config.run_dir / "model")
    assert torch.equal(exported(torch.arange(20)[None]).logits, engine_logits)
    assert exported.config.tie_word_embeddings
    assert (config.run_dir / "model" / "tokenizer.json").exists()
    assert (config.run_dir / "model" / "generation_config.json").exists()


def in_its_own_process(function, config):
    process = multiprocessing.get_context("spawn").Process(target=function, args=(config,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return config.run_dir / "logits.pt"


def _export_and_save_logits(config):
    from srdist.train.device import Rank, join_ranks
    from srdist.train.engine import make_engine, set_learning_rate
    from srdist.train.export import export_model
    from srdist.train.step import train_step

    rank, plan = Rank(0, 1, 0), make_plan(config)
    join_ranks(rank)
    engine = make_engine(config, rank)
    set_learning_rate(engine, 1e-2)
    train_step(engine, plan, 0, rank)
    export_model(engine, config, rank)
    with torch.no_grad():
        torch.save(engine(torch.arange(20)[None]).logits, config.run_dir / "logits.pt")
