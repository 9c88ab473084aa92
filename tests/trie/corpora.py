"""Small corpora of tokens: written as the tables of `prepare`, with a trie built in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from srdist.bench.reference.trie import ReferenceTrie
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import TITLES, TOKENS, TRIE, titles_schema, tokens_schema
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import describe
from srdist.trie.title_level import build_titles
from srdist.trie.trie import corpus_digests

Title = tuple[list[int], list[list[int]]]
"""Tokens of a title, and of each of its passages."""
Partitions = list[list[Title]]

TITLE_END, PASSAGE_END = 0, 1
VOCABULARY = 1000


def write_tables(run_dir: Path, partitions: Partitions, token_type: str = "u2") -> None:
    """Write `titles/`, `tokens/` and the manifest of `prepare`; every title is a record batch of its own."""
    titles_of, tokens_of = titles_schema(np.dtype(token_type)), tokens_schema(np.dtype(token_type))
    for index, titles in enumerate(partitions):
        first, title_rows, token_rows = 0, [], []
        for number, (tokens, passages) in enumerate(titles):
            row = {"title": f"{index}-{number}", "tokens": tokens, "first_passage": first, "passages": len(passages)}
            title_rows.append(pa.Table.from_pylist([row], titles_of))
            token_rows.append(pa.Table.from_pylist([{"tokens": passage} for passage in passages], tokens_of))
            first += len(passages)
        write_partition(partition_path(run_dir / TITLES, index, len(partitions)), title_rows, titles_of)
        write_partition(partition_path(run_dir / TOKENS, index, len(partitions)), token_rows, tokens_of)
    write_manifest(run_dir, Manifest("prepare", {}, {}), (TITLES, TOKENS))


def write_trie(run_dir: Path, vocabulary: int = VOCABULARY) -> None:
    """Build the trie of the tables in `run_dir`, and write the manifest of `index`."""
    corpus = corpus_digests(read_manifest(run_dir, "prepare"))
    about = describe(TITLE_END, PASSAGE_END, vocabulary, corpus)
    partitions = len(list((run_dir / TOKENS).iterdir()))
    for partition in range(partitions):
        build_passages(run_dir, partition, partitions, about)
    build_titles(run_dir, about)
    write_manifest(run_dir, Manifest("index", {}, corpus), (TRIE,))


def make_run(run_dir: Path, partitions: Partitions, token_type: str = "u2") -> Path:
    """Write tables, trie and manifests; return the folder."""
    write_tables(run_dir, partitions, token_type)
    write_trie(run_dir)
    return run_dir


def reference(partitions: Partitions) -> ReferenceTrie:
    """Return the same constraint as nested dicts."""
    titles = [title for partition in partitions for title in partition]
    return ReferenceTrie([tokens for tokens, _ in titles], [passages for _, passages in titles], TITLE_END, PASSAGE_END)


@st.composite
def corpora(draw: st.DrawFn) -> Partitions:
    """1 to 4 partitions of 1 to 12 titles over 3 to 5 tokens, the ends among them.

    Sequences begin with a piece of a few stems, so there are duplicates, prefixes and long common beginnings.
    """
    token = st.integers(0, draw(st.integers(2, 4)))
    stems = draw(st.lists(st.lists(token, max_size=12), min_size=1, max_size=3))
    stem = st.sampled_from(stems).flatmap(lambda tokens: st.integers(0, len(tokens)).map(lambda end: tokens[:end]))
    begun = st.builds(lambda start, rest: start + rest, stem, st.lists(token, max_size=2))
    sequence = (begun | st.lists(token, max_size=4)).map(lambda tokens: tokens or [2])
    title = st.tuples(sequence, st.lists(sequence, min_size=1, max_size=6))
    titles = draw(st.lists(title, min_size=1, max_size=12))
    count = draw(st.integers(1, 4))
    homes = draw(st.lists(st.integers(0, count - 1), min_size=len(titles), max_size=len(titles)))
    return [[title for title, home in zip(titles, homes, strict=True) if home == index] for index in range(count)]
