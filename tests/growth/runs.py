"""Runs without training, made in this process by the code of `prepare` and `index`, in a moment."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from srdist.config.schema import Config, DocumentSource
from srdist.corpus.bad_records import BadRecords
from srdist.growth.workers import workers
from srdist.prepare.shuffle import WORK, write_chunks, write_partitions
from srdist.prepare.stage import prepare_settings, tokenizer_files
from srdist.storage.corpus import corpus_digests
from srdist.storage.files import sha256
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import MODEL, PASSAGES, QUERIES, TITLES, TOKENS, TRIE, queries_schema
from srdist.templates import Segments, load_tokenizer
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import describe, trie_counts
from srdist.trie.title_level import build_titles
from tests.tiny_run import write_lines

Document = dict[str, Any]


def make_config(folder: Path, base: Path, **corpus: Any) -> Config:
    """Return the config of a run in `folder`, whose documents lie beside it."""
    return Config.model_validate(
        {
            "name": "grown",
            "output": str(folder),
            "corpus": {
                "documents": [{"format": "jsonl", "path": str(folder.with_suffix(".jsonl"))}],
                "passage_words": 4,
                **corpus,
            },
            "model": {"base": str(base), "dtype": "float32"},
            "prepare": {"partitions": 2, "chunk_documents": 3},
            "mixture": {"phases": [{"name": "indexing", "sentences": 1}]},
            "train": {"deepspeed": "deepspeed.json"},
            "retrieve": {"titles": 9, "title_beams": 9, "passages": 9, "passage_beams": 9, "answer_tokens": 4},
            "cluster": {"workers": 1, "object_store_mb": 100},
        }
    )


def make_run(config: Config, documents: list[Document]) -> Config:
    """Write tables, trie and manifests of these documents, and the base model as the trained one."""
    run_dir = config.run_dir
    write_lines(config.corpus.documents[0].path, documents)
    counts: Counter[str] = Counter()
    with workers(config, len(documents)) as run:
        chunks = write_chunks(config, BadRecords(), counts, run)
        counts.update(write_partitions(config, chunks, run))
    shutil.rmtree(run_dir / WORK)
    tokenizer = {name: sha256(path) for name, path in tokenizer_files(config).items()}
    prepare = Manifest("prepare", prepare_settings(config), tokenizer, counts=dict(counts))
    write_partition(partition_path(run_dir / QUERIES, 0, 1), [queries_schema().empty_table()], queries_schema())
    write_manifest(run_dir, prepare, (TITLES, PASSAGES, TOKENS, QUERIES))
    corpus = corpus_digests(read_manifest(run_dir, "prepare"))
    segments = Segments(config.templates, load_tokenizer(config.model.base))
    ends = segments.passage_separator[0], segments.verdict_separator[0]
    about = describe(*ends, segments.vocabulary, corpus)
    for partition in range(config.prepare.partitions):
        build_passages(run_dir, partition, config.prepare.partitions, about)
    build_titles(run_dir, about)
    settings = {
        "templates": {name: getattr(config.templates, name) for name in ("passage_separator", "verdict_separator")}
    }
    write_manifest(run_dir, Manifest("index", settings, corpus, counts=trie_counts(run_dir)), (TRIE,))
    write_model(config)
    return config


def write_model(config: Config) -> None:
    """Let the base model be the trained one."""
    shutil.copytree(config.model.base, config.run_dir / MODEL, dirs_exist_ok=True)
    write_manifest(config.run_dir, Manifest("train", {}, {}), (MODEL,))


def source(path: Path, documents: list[Document]) -> DocumentSource:
    """Write documents to a file; return it as a source."""
    write_lines(path, documents)
    return DocumentSource(format="jsonl", path=path)


def corpus_files(run_dir: Path) -> dict[str, bytes]:
    """Return path -> content of the tables and the trie that `prepare` and `index` own."""
    folders = (TITLES, PASSAGES, TOKENS, TRIE)
    return {f"{name}/{path.name}": path.read_bytes() for name in folders for path in sorted((run_dir / name).iterdir())}
