import json
from pathlib import Path

import pytest

from srdist.errors import UserError
from srdist.train.settings import deepspeed_settings
from tests.train.tiny_run import make_config


def settings(folder, content, ranks=1, dtype="float32", **train):
    path = folder / "deepspeed.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    config = make_config(folder, "/base", path, **train)
    return deepspeed_settings(config.with_dtype(dtype), ranks)


SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "deepspeed").glob("*.json"))
ZERO = {"zero_optimization": {"stage": 3}}


def test_batch_sizes_types_and_clipping_come_from_the_config(tmp_path):
    filled = settings(tmp_path, ZERO, ranks=2, dtype="bfloat16", rows_per_step=7, max_gradient_norm=0.5)
    assert filled["train_micro_batch_size_per_gpu"] == 1
    assert filled["gradient_accumulation_steps"] == 4
    assert filled["train_batch_size"] == 8
    assert filled["gradient_clipping"] == 0.5
    assert filled["bf16"] == {"enabled": True}
    assert filled["data_types"] == {"grad_accum_dtype": "fp32"}
    assert filled["zero_optimization"] == {"stage": 3}


def test_auto_counts_as_absent(tmp_path):
    content = {**ZERO, "gradient_accumulation_steps": "auto", "bf16": {"enabled": "auto"}, "fp16": "auto"}
    filled = settings(tmp_path, content, rows_per_step=3)
    assert filled["gradient_accumulation_steps"] == 3
    assert filled["bf16"] == {"enabled": False}


@pytest.mark.parametrize(
    ("content", "both"),
    [
        ({"gradient_accumulation_steps": 5}, ["gradient_accumulation_steps is 5", "rows_per_step 3 on 2 ranks"]),
        ({"train_micro_batch_size_per_gpu": 4}, ["train_micro_batch_size_per_gpu is 4", "makes it 1"]),
        ({"gradient_clipping": 2.0}, ["gradient_clipping is 2.0", "train.max_gradient_norm 1.0"]),
        ({"bf16": {"enabled": True}}, ["bf16.enabled is true", "model.dtype float32"]),
        ({"fp16": {"enabled": True}}, ["fp16.enabled is true", "model.dtype float32"]),
        ({"optimizer": {"type": "Adam"}}, ["'optimizer'", "train.learning_rate"]),
        ({"scheduler": {"type": "WarmupLR"}}, ["'scheduler'", "train.warmup_share"]),
        ({"torch_autocast": {"enabled": True}}, ["torch_autocast.enabled is true", "model.dtype float32"]),
        ({"activation_checkpointing": {}}, ["'activation_checkpointing'", "train.gradient_checkpointing"]),
        ({"elasticity": {"enabled": True}}, ["'elasticity'", "train.processes"]),
        ({"checkpoint": {"load_universal": True}}, ["checkpoint.load_universal is true", "resuming"]),
        ({"zero_force_ds_cpu_optimizer": True}, ["zero_force_ds_cpu_optimizer is true", "torch's AdamW"]),
        (
            {"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}},
            ["offload_param has no effect at stage 2", "set stage 3"],
        ),
        (
            {"zero_optimization": {"offload_optimizer": {"device": "cpu"}}},
            ["offload_optimizer has no effect at stage 0", "set stage 1"],
        ),
    ],
)
def test_a_contradiction_names_both_sides(tmp_path, content, both):
    with pytest.raises(UserError) as error:
        settings(tmp_path, {**ZERO, **content}, ranks=2)
    assert all(text in str(error.value) for text in both), error.value
    assert error.value.file == tmp_path / "deepspeed.json"


def test_at_stage_0_the_engine_leaves_clipping_to_us(tmp_path):
    filled = settings(tmp_path, {}, max_gradient_norm=0.5)
    assert filled["zero_optimization"] == {"stage": 0}
    assert filled["gradient_clipping"] == 0.0


def test_bfloat16_at_stage_0_becomes_stage_1_and_says_so(tmp_path, caplog):
    filled = settings(tmp_path, {"zero_optimization": {"stage": 0}}, dtype="bfloat16")
    assert filled["zero_optimization"] == {"stage": 1}
    assert "stage 0 is run as stage 1" in caplog.text


def test_a_converted_checkpoint_is_announced_to_deepspeed(tmp_path):
    path = tmp_path / "deepspeed.json"
    path.write_text(json.dumps(ZERO))
    config = make_config(tmp_path, "/base", path)
    assert deepspeed_settings(config, 2, universal=True)["checkpoint"]["load_universal"] is True
    assert deepspeed_settings(config, 2)["checkpoint"]["load_universal"] is False


@pytest.mark.parametrize("zero", [{"offload_optimizer": {"device": "nvme"}}, {"mics_shard_size": 2}])
def test_what_cannot_be_converted_for_other_ranks_is_named(tmp_path, zero):
    path = tmp_path / "deepspeed.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": 3, **zero}}))
    config = make_config(tmp_path, "/base", path)
    deepspeed_settings(config, 2)
    with pytest.raises(UserError, match=f"cannot be converted with zero_optimization.{next(iter(zero))}"):
        deepspeed_settings(config, 2, universal=True)


def test_the_place_of_a_syntax_error_is_named(tmp_path):
    with pytest.raises(UserError, match=r"deepspeed.json, line 3: not valid JSON"):
        settings(tmp_path, '{\n"a": 1,\n}')
    with pytest.raises(UserError, match="a DeepSpeed configuration is a JSON object"):
        settings(tmp_path, "[]")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"bf16": True}, "bf16 is true"),
        ({"checkpoint": "folder"}, 'checkpoint is "folder"'),
        ({"zero_optimization": True}, "zero_optimization is true"),
        ({"zero_optimization": {"offload_optimizer": None}}, "zero_optimization.offload_optimizer is null"),
    ],
)
def test_what_must_be_an_object_is_named(tmp_path, content, what):
    with pytest.raises(UserError, match=rf"deepspeed.json: {what}, but must be an object -- write \{{...\}}"):
        settings(tmp_path, content)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "deepspeed.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UserError, match="deepspeed.json: not valid UTF-8"):
        deepspeed_settings(make_config(tmp_path, "/base", path), 1)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_shipped_files_leave_to_the_config_what_is_its_own(tmp_path, path, dtype):
    filled = settings(tmp_path, path.read_text(), ranks=2, dtype=dtype)
    assert filled["zero_optimization"]["stage"] == 3
