"""A corpus, queries, a model and a config small enough for a test, and ways to compare runs."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import yaml

from srdist.config import Config, load_config
from tests.tiny import make_tiny_model

WORDS = "river stone moon garden copper silver music winter harbour engine letter forest bridge planet signal".split()
PHASES = [
    {"name": "indexing", "sentences": "all", "target_tokens": 8},
    {"name": "mixture", "sentences": 1, "retrievals": 2, "positives": 1, "negatives": 2, "target_tokens": 8},
]


def make_documents(count: int, seed: int = 0) -> list[dict]:
    """Return documents `{id, title, text}`: one or two paragraphs of invented sentences; some share a title."""
    generator = random.Random(seed)
    documents = []
    for number in range(count):
        title = f"The {generator.choice(WORDS)} {generator.choice(WORDS)}"
        paragraphs = [
            " ".join(_sentence(generator, number, 10 * paragraph + place) for place in range(generator.randint(2, 4)))
            for paragraph in range(generator.randint(1, 2))
        ]
        documents.append({"id": f"d{number}", "title": title, "text": "\n".join(paragraphs)})
    return documents


def _sentence(generator: random.Random, number: int, place: int) -> str:
    words = " ".join(generator.choices(WORDS, k=generator.randint(5, 9)))
    return f"The {words} of number{number} place{place} is here."


def make_queries(documents: list[dict]) -> list[dict]:
    """Return one query per document, every third for the test; its answer stands in the first passage only."""
    return [
        {
            "id": f"q{number}",
            "text": f"where is {document['text'].split()[1]} {document['title']}",
            "answers": [f"number{number} place0"],
            "documents": [document["id"]],
            "split": "test" if number % 3 == 0 else "train",
        }
        for number, document in enumerate(documents)
    ]


def make_experiment(folder: Path, documents: int = 24, **changes) -> Path:
    """Write documents, queries, a tiny model, a DeepSpeed file and a config; return the config's path.

    Args:
        changes: sections of the config, merged over the defaults.
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus = make_documents(documents)
    write_lines(folder / "documents.jsonl", corpus)
    write_lines(folder / "queries.jsonl", make_queries(corpus))
    make_tiny_model(folder / "base", [document["text"] for document in corpus])
    (folder / "deepspeed.json").write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    config = {
        "name": "tiny",
        "output": "run",
        "seed": 1,
        "corpus": {
            "documents": [{"format": "jsonl", "path": "documents.jsonl"}],
            "queries": [{"format": "jsonl", "path": "queries.jsonl", "split": "field"}],
            "passage_words": 30,
        },
        "model": {"base": "./base", "dtype": "float32"},
        "prepare": {"partitions": 3, "chunk_documents": 5},
        "mixture": {"phases": PHASES},
        "train": {
            "deepspeed": "deepspeed.json",
            "learning_rate": 1e-3,
            "row_tokens": 256,
            "rows_per_step": 4,
            "gradient_checkpointing": False,
            "processes": 1,
        },
        "retrieve": {"titles": 3, "passages": 2, "title_beams": 4, "passage_beams": 3, "answer_tokens": 4},
        "tracking": {"backend": "jsonl"},
        "cluster": {"workers": 2, "object_store_mb": 100},
    }
    for section, values in changes.items():
        config[section] = {**config[section], **values}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def tiny_config(folder: Path, **changes) -> Config:
    """Return the loaded config of `make_experiment`."""
    return load_config(make_experiment(folder, **changes))


def write_lines(path: Path, records: list[dict]) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def digests(run_dir: Path, *folders: str) -> dict[str, str]:
    """Return file -> SHA-256 of everything below the folders of a run."""
    return {
        str(path.relative_to(run_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted((run_dir / folder).rglob("*"))
        if path.is_file()
    }
