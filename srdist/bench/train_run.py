"""A run to time trainings with: examples as long as a mixture's, and a model of any size with random weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import MIXTURE, TASKS, mixture_schema
from srdist.train.plan import make_plan

QUICKSTART = {
    "indexing": {"indexing": (896, 22, (17, 41, 44, 47, 51, 54, 58, 62, 68, 77, 127))},
    "mixture": {
        "retrieval": (552, 22, (28, 36, 38, 39, 39, 40, 42, 43, 44, 47, 54)),
        "positive": (276, 11, (40, 75, 86, 91, 99, 105, 111, 115, 121, 128, 153)),
        "negative": (552, 5, (37, 60, 69, 76, 81, 89, 95, 101, 108, 116, 155)),
    },
}
"""Phase -> task -> (examples, trained tokens of each, deciles of the lengths), of the first quickstart's mixture."""
ZERO3 = {"zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 100_000_000}}

Lengths = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""phase -> lengths, prompt tokens and tasks of its examples"""


def lengths_of_run(config: Config) -> Lengths:
    """Read the lengths of all phases of a prepared run, first epochs; raise UserError where it is not prepared."""
    epochs = [epoch for epoch in make_plan(config).epochs if epoch.number == 0]
    names = [phase.name for phase in config.mixture.phases]
    return {names[e.phase]: (e.examples.lengths, e.examples.prompts, e.examples.tasks) for e in epochs}


def generated_lengths() -> Lengths:
    """Return lengths distributed as the quickstart's."""
    random, phases = np.random.default_rng(0), {}
    for phase, of_task in QUICKSTART.items():
        lengths, prompts, tasks = [], [], []
        for task, (examples, trained, deciles) in of_task.items():
            lengths.append(np.interp(random.random(examples), np.linspace(0, 1, 11), deciles).astype(np.int64))
            prompts.append(np.maximum(lengths[-1] - trained, 1))
            tasks.append(np.full(examples, TASKS.index(task)))
        phases[phase] = tuple(np.concatenate(arrays) for arrays in (lengths, prompts, tasks))
    return phases


def make_run(folder: Path, lengths: Lengths, base: str, config: Config | None) -> Config:
    """Write a mixture of random tokens with these lengths; return the config of a training on it.

    Args:
        base: folder of the model.
        config: an experiment whose training settings are taken; None: a small one in float32.

    Raises:
        UserError: no model in `base`.
    """
    if not (Path(base) / "config.json").is_file():
        raise UserError("no model here: config.json is missing", file=base, cure="name a folder with --model")
    random, schema = np.random.default_rng(0), mixture_schema(np.dtype(np.uint32))
    vocabulary = json.loads((Path(base) / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    for phase, (sizes, prompts, tasks) in lengths.items():
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        tokens = random.integers(0, vocabulary, offsets[-1], dtype=np.uint32)
        columns = {
            "task": pa.array(tasks, pa.uint8()),
            "prompt_tokens": pa.array(prompts, pa.uint32()),
            "tokens": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(tokens)),
        }
        table = pa.table(columns, schema=schema)
        write_partition(partition_path(folder / MIXTURE / phase / "epoch-0", 0, 1), [table], schema)
    (folder / "deepspeed.json").write_text(json.dumps(ZERO3))
    content = {
        "name": "bench",
        "output": str(folder),
        "corpus": {"documents": [{"format": "jsonl", "path": "none"}]},
        "model": {"base": str(base), "dtype": "float32"},
        "train": {
            "deepspeed": str(folder / "deepspeed.json"),
            "row_tokens": 512,
            "rows_per_step": 4,
            "gradient_checkpointing": False,
        },
    }
    if config:
        content["model"] = config.model.model_dump() | {"base": str(base)}
        content["train"] = config.train.model_dump(exclude={"validation"})
        content["tracking"] = config.tracking.model_dump()
    content["mixture"] = {"phases": [{"name": phase} for phase in lengths]}
    return Config.model_validate(content)


@dataclass(frozen=True)
class RandomModel:
    """A Llama with random weights: its hidden size, layers, tokens, and the longest sequence that it takes."""

    hidden: int
    layers: int
    vocabulary: int
    context: int = 2048

    def save(self, folder: Path) -> str:
        """Write it; return the folder."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        heads = max(1, self.hidden // 64)
        config = LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.hidden * 8 // 3,
            num_hidden_layers=self.layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        return str(folder)
