"""First half of the shuffle: one Ray task splits and tokenizes a chunk of documents."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import pyarrow as pa

from srdist.config.schema import Config, TemplatesConfig
from srdist.corpus.passages import split_document
from srdist.corpus.records import Document
from srdist.corpus.titles import title_of
from srdist.storage.partitions import write_partition
from srdist.templates import Segments, load_tokenizer


def chunk_schema(tokens: pa.DataType) -> pa.Schema:
    """One row per passage; record batch k holds the rows of partition k."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("document", pa.string()),
            ("title", pa.string()),
            ("title_tokens", pa.list_(tokens)),
            ("text", pa.string()),
            ("paragraph", pa.int32()),
            ("sentences", pa.list_(pa.int32())),
            ("tokens", pa.list_(tokens)),
        ]
    )


def segments_for(config: Config) -> Segments:
    """Return the segments of a config; a worker process loads its tokenizer once."""
    return _segments(config.model.base, config.templates)


@functools.lru_cache(maxsize=2)
def _segments(base: str, templates: TemplatesConfig) -> Segments:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # Ray gives a task one CPU
    return Segments(templates, load_tokenizer(base))


def partition_of(title: str, partitions: int) -> int:
    """Return the partition of a normalised title: documents of equal titles meet in one."""
    return int.from_bytes(hashlib.blake2b(title.encode(), digest_size=8).digest(), "big") % partitions


def write_chunk(path: Path, documents: list[Document], config: Config) -> int:
    """Split and tokenize documents into the chunk file `path`; return the number of passages.

    A chunk that an interrupted run had finished is taken as it is.
    """
    if path.exists():
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            return sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
    segments = segments_for(config)
    schema = chunk_schema(pa.from_numpy_dtype(segments.token_type))
    titles = [title_of(document, config.corpus.titles, config.corpus.language) for document in documents]
    rows: list[list[dict]] = [[] for _ in range(config.prepare.partitions)]
    for document, title, title_tokens in zip(documents, titles, segments.titles(titles), strict=True):
        rows[partition_of(title, len(rows))] += _passages(document, title, title_tokens, config)
    batches = []
    for partition in rows:
        for row, tokens in zip(partition, segments.passages([row["text"] for row in partition]), strict=True):
            row["tokens"] = tokens
        batches.append(pa.RecordBatch.from_pylist(partition, schema=schema))
    return write_partition(path, batches, schema)


def _passages(document: Document, title: str, title_tokens: list[int], config: Config) -> list[dict]:
    corpus = config.corpus
    passages = split_document(document, corpus.passage_words, corpus.split_passages, corpus.language)
    return [
        {
            "id": f"{document.id}-{index}",
            "document": document.id,
            "title": title,
            "title_tokens": title_tokens,
            "text": passage.text,
            "paragraph": passage.paragraph,
            "sentences": list(passage.sentences),
        }
        for index, passage in enumerate(passages)
    ]
