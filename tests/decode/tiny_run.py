"""A small trained run without training: tables, trie, random model, manifests, config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from srdist.config.schema import Config, TemplatesConfig
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import (
    MODEL,
    PASSAGES,
    QUERIES,
    TITLES,
    TOKENS,
    TRIE,
    passages_schema,
    queries_schema,
    titles_schema,
    tokens_schema,
)
from srdist.templates import Segments, load_tokenizer
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import describe
from srdist.trie.title_level import build_titles
from srdist.trie.trie import corpus_digests
from tests.tiny import make_tiny_model

Corpus = Mapping[str, Sequence[str]]
"""title -> texts of its passages"""

CORPUS: Corpus = {
    "prime": ["a prime is a number", "a prime has two divisors", "two is a prime"],
    "prime number": ["a prime is a number"],
    "p": ["the letter p", "the letter p is old"],
    "river": ["water runs", "water runs to the sea", "water runs to the sea and the salt", "salt"],
    "rivers of the sea": ["none", "none at all", "none"],
    "salt": ["salt of the sea", "salt of the earth"],
    "the sea": ["the sea is old", "the sea is salt", "water"],
}
"""Prefix titles and passages, a text twice in one title, the same text in two titles."""

QUERIES_TEXT = ["what is a prime?", "old?", "where does the water of all the rivers run to in the end"]


def make_run(
    folder: Path,
    corpus: Corpus = CORPUS,
    queries: Sequence[str] = QUERIES_TEXT,
    *,
    partitions: int = 2,
    seed: int = 0,
    sharpness: float = 1.0,
    **retrieve: object,
) -> Config:
    """Write everything that `retrieve` needs; titles are dealt out to the partitions in turn.

    Args:
        sharpness: factor of the model's output weights; a random model is nearly indifferent.
        retrieve: replaces values of the retrieve section.
    """
    texts = [*corpus, *(text for passages in corpus.values() for text in passages)]
    make_tiny_model(folder / MODEL, texts, vocabulary=300, seed=seed)
    if sharpness != 1.0:
        _sharpen(folder / MODEL, sharpness)
    segments = Segments(TemplatesConfig(), load_tokenizer(str(folder / MODEL)))
    for partition in range(partitions):
        mine = dict(item for number, item in enumerate(corpus.items()) if number % partitions == partition)
        _write_partition(folder, mine, partition, partitions, segments)
    rows = [_query_row(f"q{number}", text, "test") for number, text in enumerate(queries)]
    table = pa.Table.from_pylist([_query_row("t0", "not a test query", "train"), *rows], queries_schema())
    write_partition(partition_path(folder / QUERIES, 0, 1), [table], queries_schema())
    write_manifest(folder, Manifest("prepare", {}, {}), [TITLES, PASSAGES, TOKENS, QUERIES])
    write_manifest(folder, Manifest("train", {}, {}), [MODEL])
    _write_trie(folder, partitions, segments)
    return make_config(folder, **retrieve)


def make_config(folder: Path, **retrieve: object) -> Config:
    """Return the config of a run in float32; it finds everything unless told otherwise."""
    wide = {"titles": 40, "title_beams": 40, "passages": 20, "passage_beams": 20, "answer_tokens": 8, "device": "cpu"}
    return Config.model_validate(
        {
            "name": "tiny",
            "output": str(folder),
            "corpus": {"documents": [{"format": "jsonl", "path": "documents.jsonl"}]},
            "model": {"base": str(folder / MODEL), "dtype": "float32"},
            "train": {"deepspeed": "deepspeed.json"},
            "retrieve": {**wide, **retrieve},
        }
    )


def _sharpen(model: Path, factor: float) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model)
    with torch.no_grad():
        network.model.norm.weight.mul_(factor)
    network.save_pretrained(model)


def _write_partition(folder: Path, corpus: Corpus, partition: int, partitions: int, segments: Segments) -> None:
    titles, passages, first = [], [], 0
    for row, (title, texts) in enumerate(corpus.items()):
        tokens = segments.titles([title])[0]
        titles.append({"title": title, "tokens": tokens, "first_passage": first, "passages": len(texts)})
        for number, text in enumerate(texts):
            identifier = f"{title.replace(' ', '_')}-{number}"
            document = identifier.rpartition("-")[0]
            passages.append({"id": identifier, "document": document, "title": row, "text": text, "paragraph": 0})
        first += len(texts)
    texts = [passage["text"] for passage in passages]
    tokens_rows = [{"tokens": tokens} for tokens in segments.passages(texts)]
    schemas = {
        TITLES: (titles, titles_schema(segments.token_type)),
        PASSAGES: ([{**passage, "sentences": [0]} for passage in passages], passages_schema()),
        TOKENS: (tokens_rows, tokens_schema(segments.token_type)),
    }
    for name, (rows, schema) in schemas.items():
        write_partition(
            partition_path(folder / name, partition, partitions), [pa.Table.from_pylist(rows, schema)], schema
        )


def _write_trie(folder: Path, partitions: int, segments: Segments) -> None:
    corpus = corpus_digests(read_manifest(folder, "prepare"))
    ends = segments.passage_separator[0], segments.verdict_separator[0]
    about = describe(*ends, segments.vocabulary, corpus)
    for partition in range(partitions):
        build_passages(folder, partition, partitions, about)
    build_titles(folder, about)
    write_manifest(folder, Manifest("index", {}, corpus), [TRIE])


def _query_row(identifier: str, text: str, split: str) -> dict:
    nothing = {"answers": [], "gold_documents": [], "gold_passages": [], "gold_titles": []}
    return {"id": identifier, "text": text, "split": split, **nothing}
