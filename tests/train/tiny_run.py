"""A run's folder with a small mixture and a tiny base model, ready to be trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.config.schema import Config
from srdist.storage.manifest import Manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import mixture_schema
from tests.tiny import make_tiny_model

TEXTS = ["the quick brown fox jumps over the lazy dog", "Question: who wrote it?\nTitle:", "0123456789"]


def write_mixture(folder: Path, examples: int, seed: int, longest: int = 40, partitions: int = 2) -> None:
    """Write random examples of all tasks: between 4 and `longest` tokens, small ids more often than others."""
    random = np.random.default_rng(seed)
    schema = mixture_schema(np.dtype(np.uint16))
    for partition, rows in enumerate(np.array_split(np.arange(examples), partitions)):
        lengths = random.integers(4, longest + 1, len(rows))
        columns = {
            "task": random.integers(0, 4, len(rows)).astype(np.uint8),
            "prompt_tokens": (lengths // 2).astype(np.uint32),
            "tokens": [(257 * random.random(length) ** 3).astype(np.uint16) for length in lengths],
        }
        table = pa.table(columns, schema=schema)
        write_partition(partition_path(folder, partition, partitions), table.to_batches(max_chunksize=7), schema)


def make_base(folder: Path) -> Path:
    """Save the tiny base model."""
    return make_tiny_model(folder, TEXTS, vocabulary=257)


def make_run(folder: Path, base: Path, *, deepspeed: dict | None = None, **train: object) -> Config:
    """Prepare a run of two phases: 3 epochs of different examples, 2 of the same.

    Args:
        train: values of the train section.
    """
    for epoch in range(3):
        write_mixture(folder / "mixture" / "indexing" / f"epoch-{epoch}", 61, seed=epoch)
    write_mixture(folder / "mixture" / "mixture" / "epoch-0", 90, seed=90)
    write_manifest(folder, Manifest("prepare", settings={}, inputs={}), ["mixture"])
    settings = folder / "deepspeed.json"
    settings.write_text(json.dumps(deepspeed or {"zero_optimization": {"stage": 3}}))
    return make_config(folder, base, settings, **train)


def make_config(folder: Path, base: Path | str, deepspeed: Path, **train: object) -> Config:
    """Return the config of a tiny training in float32."""
    return Config.model_validate(
        {
            "name": "tiny",
            "output": str(folder),
            "corpus": {"documents": [{"format": "jsonl", "path": "documents.jsonl"}]},
            "model": {"base": str(base), "dtype": "float32"},
            "mixture": {"phases": [{"name": "indexing", "epochs": 3, "windows": 1}, {"name": "mixture", "epochs": 2}]},
            "train": {
                "deepspeed": str(deepspeed),
                "learning_rate": 3e-3,
                "warmup_share": 0.1,
                "weight_decay": 0.1,
                "row_tokens": 128,
                "rows_per_step": 3,
                "checkpoint_steps": 4,
                "checkpoint_minutes": 0,
                "processes": 1,
                **train,
            },
            "tracking": {"backend": "jsonl"},
        }
    )
