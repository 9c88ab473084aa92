"""Real trainings by real ranks: the curve is the plain loop's, whatever the ranks, the packing and the ZeRO stage."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from srdist.errors import UserError
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.train.attention import register_packed_attention
from srdist.train.engine import parameter_groups
from srdist.train.plan import make_plan
from srdist.train.schedule import learning_rate
from srdist.train.stage import train, train_stage
from tests.train.ranks import fork, losses, records, train_ranks
from tests.train.tiny_run import make_run

pytestmark = pytest.mark.slow


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
            epoch, place = plan.locate(number)
            examples = epoch.examples
            for index in epoch.members(place):
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
    assert losses(one_rank) == pytest.approx([loss for loss, _ in curve], abs=1e-5)
    assert [r["gradient_norm"] for r in records(one_rank)] == pytest.approx([norm for _, norm in curve], abs=1e-4)
    assert losses(one_rank)[-1] < losses(one_rank)[0]
    exported = AutoModelForCausalLM.from_pretrained(one_rank.run_dir / "model")
    for name, parameter in exported.named_parameters():
        torch.testing.assert_close(parameter, model.get_parameter(name), atol=2e-4, rtol=0, check_device=False)


def test_two_ranks_and_an_idle_one_give_the_curve_of_a_plain_loop(two_ranks):
    assert losses(two_ranks) == pytest.approx([loss for loss, _ in plain_training(two_ranks)[0]], abs=1e-5)


@pytest.mark.parametrize(("stage", "ranks"), [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2)])
def test_all_zero_stages_give_the_same_curve_accumulating_4_or_8_rows(stage, ranks, one_rank, base, tmp_path):
    zero = {"zero_optimization": {"stage": stage, "stage3_param_persistence_threshold": 0}}  # nothing is kept whole
    config = train_ranks(make_run(tmp_path / "run", base, deepspeed=zero, rows_per_step=8), ranks)
    assert len(losses(config)) == records(config)[-1]["steps"]
    for name in ("loss", "loss_indexing", "loss_retrieval", "loss_positive", "loss_negative", "gradient_norm"):
        expected = [record.get(name) for record in records(one_rank)]
        assert [record.get(name) for record in records(config)] == pytest.approx(expected, abs=5e-6), name


def test_bfloat16_at_stage_0_is_stage_1(base, tmp_path):
    runs = [
        make_run(tmp_path / f"{n}", base, deepspeed={"zero_optimization": {"stage": n}}, rows_per_step=30)
        for n in (0, 1)
    ]
    runs = [run.with_dtype("bfloat16") for run in runs]
    zero, one = (train_ranks(run, 1) for run in runs)
    assert records(zero) == records(one)


def test_records_name_phase_epoch_and_rate(one_rank):
    found, plan = records(one_rank), make_plan(one_rank)
    assert [record["step"] for record in found] == list(range(1, plan.steps + 1))
    assert [record["learning_rate"] for record in found] == [
        learning_rate(step, plan.steps, one_rank.train) for step in range(plan.steps)
    ]
    assert (found[0]["phase"], found[0]["epoch"]) == ("indexing", 1)
    assert (found[-1]["phase"], found[-1]["epoch"]) == ("mixture", 2)
    assert found[-1]["tokens"] == plan.facts["tokens"]


@pytest.mark.parametrize("ranks", ["one_rank", "two_ranks"])
def test_the_manifest_counts_and_the_checkpoints_are_gone(ranks, request):
    config = request.getfixturevalue(ranks)
    manifest = read_manifest(config.run_dir, "train")
    manifest.verify(config.run_dir)
    assert manifest.counts["steps"] == make_plan(config).steps
    assert "model/model.safetensors" in manifest.files
    assert not (config.run_dir / "checkpoints").exists()


def test_a_finished_training_is_not_done_again(one_rank):
    before = (one_rank.run_dir / "train" / "metrics.jsonl").stat().st_mtime_ns
    train(one_rank)
    assert (one_rank.run_dir / "train" / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_changed_setting_is_refused(one_rank):
    changed = one_rank.model_copy(update={"seed": 1})
    with pytest.raises(UserError, match="seed was 0, is 1"):
        train(changed)


def test_another_mixture_than_the_prepared_one_is_refused(base, tmp_path):
    config = make_run(tmp_path / "run", base)
    prepared = config.mixture.model_dump(mode="json")
    for changed, key in [
        ({**prepared, "phases": prepared["phases"][:1]}, "phases"),
        ({**prepared, "held_out_queries": 7}, "held_out_queries 7, in the config it is 0"),
        ({**prepared, "views": {**prepared["views"], "title_share": 0.9}}, "title_share 0.9"),
        ({**prepared, "views": {**prepared["views"], "question_model": "/elsewhere"}}, None),
    ]:
        write_manifest(config.run_dir, Manifest("prepare", {"mixture": changed}, inputs={}), ["mixture"])
        if key:
            with pytest.raises(UserError, match=f"prepared with {key}.*srdist prepare"):
                train_stage(config)
        else:
            train_stage(config)


def test_a_mistake_seen_by_a_rank_reaches_the_user_as_one_line(base, tmp_path):
    config = make_run(tmp_path / "mistake", base)
    config = config.model_copy(update={"model": config.model.model_copy(update={"attention": "flash_attention_2"})})
    with pytest.raises(UserError, match=r"training failed: .*cannot load the base model.*see .*log.txt") as error:
        train(config)
    assert "\n" not in str(error.value)


def test_the_exported_model_gives_the_logits_of_the_engine(base, tmp_path):
    config = make_run(tmp_path / "exported", base)
    process = fork(train_a_step_and_export, config, tmp_path / "logits.pt")
    process.join()
    assert process.exitcode == 0
    kernel = register_packed_attention()  # the engine's
    exported = AutoModelForCausalLM.from_pretrained(config.run_dir / "model", attn_implementation=kernel)
    assert torch.equal(exported(torch.arange(20)[None]).logits, torch.load(tmp_path / "logits.pt"))
    assert exported.config.tie_word_embeddings
    assert (config.run_dir / "model" / "tokenizer.json").exists()
    assert (config.run_dir / "model" / "generation_config.json").exists()


def train_a_step_and_export(config, logits):
    """Save the engine's logits beside the exported model."""
    from srdist.train.clock import StepClock
    from srdist.train.device import Rank, join_ranks
    from srdist.train.engine import make_engine, set_learning_rate
    from srdist.train.export import export_model
    from srdist.train.step import train_step

    torch.set_num_threads(1)
    rank, plan = Rank(0, 1, 0), make_plan(config)
    join_ranks(rank)
    engine = make_engine(config, rank)
    set_learning_rate(engine, 1e-2)
    train_step(engine, plan, 0, rank, StepClock(rank.device))
    engine.eval()
    export_model(engine, config, rank)
    with torch.no_grad():
        torch.save(engine(torch.arange(20)[None]).logits, logits)
