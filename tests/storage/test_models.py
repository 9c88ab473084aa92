from pathlib import Path

import pytest
from transformers import (
    BloomConfig,
    FalconConfig,
    GPT2Config,
    GPTNeoConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen3NextConfig,
)

from srdist.errors import UserError
from srdist.storage.models import context_of, model_files, weights_dtype


def test_the_files_of_a_folder_are_named_and_a_hub_model_has_none(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "1_Pooling/config.json", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = model_files(str(tmp_path), "writer", "a.key")
    assert list(files) == ["writer/1_Pooling/config.json", "writer/config.json", "writer/model.safetensors"]
    assert model_files("owner/model", "writer", "a.key") == {}


def test_a_folder_without_a_model_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model here: config.json is missing -- correct a.key"):
        model_files(str(tmp_path), "writer", "a.key")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (GPTNeoConfig(num_layers=2, attention_types=[[["global", "local"], 1]]), "gpt_neo.*layers: local"),
        (FalconConfig(alibi=True), "falcon"),
        (BloomConfig(), "bloom"),
        (Qwen3NextConfig(), "layers: linear_attention"),
    ],
)
def test_a_model_whose_sequences_cannot_share_a_prompt_is_refused(config: PretrainedConfig, named: str) -> None:
    with pytest.raises(UserError, match=f"{named}.*learned or rotary positions"):
        context_of(config, "a/model")


@pytest.mark.parametrize(
    ("config", "context"),
    [
        (LlamaConfig(max_position_embeddings=77), 77),
        (GPT2Config(n_positions=55), 55),
        (MistralConfig(max_position_embeddings=77, sliding_window=33), 33),
        (FalconConfig(alibi=False, max_position_embeddings=44), 44),
    ],
)
def test_the_context_is_the_shortest_window(config: PretrainedConfig, context: int) -> None:
    assert context_of(config, "a/model") == context


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile", "bfloat16"),
        ("flags\t\t: fpu amx_bf16", "bfloat16"),
        ("Features\t: fp asimd sve bf16 dgh", "bfloat16"),
        ("flags\t\t: fpu avx2 avx512f", "float32"),
        ("Features\t: fp asimd svebf16", "float32"),
    ],
)
def test_a_cpu_has_bfloat16_where_it_has_instructions_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, dtype: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    monkeypatch.setattr("srdist.storage.models.CPU_FACTS", tmp_path / "cpuinfo")
    assert weights_dtype("auto", "cpu") == dtype
    assert weights_dtype("float32", "cpu") == "float32"
    assert weights_dtype("bfloat16", "cpu") == "bfloat16"


@pytest.mark.parametrize(("supported", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_has_bfloat16_where_cuda_says_so(monkeypatch: pytest.MonkeyPatch, supported: bool, dtype: str) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: supported or including_emulation)
    assert weights_dtype("auto", "cuda:1") == dtype
