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
    model = config.model.model_copy(update={"dtype": dtype})
    return deepspeed_settings(config.model_copy(update={"model": model}), ranks)


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
    content = {**ZERO, "gradient_accumulation_steps": "auto", "bf16": {"enabled": "auto"}}
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
        ({"zero_optimization": {"stage": 0}}, ["stage 0", "1, 2 or 3"]),
    ],
)
def test_a_contradiction_names_both_sides(tmp_path, content, both):
    with pytest.raises(UserError) as error:
        settings(tmp_path, {**ZERO, **content}, ranks=2)
    assert all(text in str(error.value) for text in both), error.value
    assert error.value.file == tmp_path / "deepspeed.json"


def test_the_place_of_a_syntax_error_is_named(tmp_path):
    with pytest.raises(UserError, match=r"deepspeed.json, line 3: not valid JSON"):
        settings(tmp_path, '{\n"a": 1,\n}')
    with pytest.raises(UserError, match="a DeepSpeed configuration is a JSON object"):
        settings(tmp_path, "[]")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_shipped_files_leave_to_the_config_what_is_its_own(tmp_path, path, dtype):
    filled = settings(tmp_path, path.read_text(), ranks=2, dtype=dtype)
    assert filled["zero_optimization"]["stage"] == 3
