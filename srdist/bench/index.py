"""`srdist bench index`: size, build and opening of the trie, against reading the tokens and against nested dicts."""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from srdist.bench.corpora import CorpusSize, write_corpus
from srdist.bench.figures import Figure
from srdist.bench.reference.trie import ReferenceTrie
from srdist.cluster.ray import ray_cluster, run_tasks
from srdist.compiled import compiled
from srdist.config.cluster import ClusterConfig
from srdist.storage.manifest import read_manifest
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.trie.compress import compress
from srdist.trie.forest import Sequences
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import describe
from srdist.trie.title_level import build_titles
from srdist.trie.trie import Trie, corpus_digests

REPEATS = 5
SAMPLE = 2_000
"""passages of the sample that the nested dicts are built from"""


def measure(size: CorpusSize) -> list[Figure]:
    """Make a corpus in a temporary folder, build its trie as stage `index` does, and measure.

    Times are those of one thread's own work, the least of several repeats, so that other programs matter little;
    what is compared is measured alternately. Arrays are built from tokens that are mapped into memory.
    """
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as name:
        folder = Path(name)
        write_corpus(folder, size)
        peak = _build(folder, size)
        files = sum(path.stat().st_size for path in (folder / TRIE).iterdir())
        opening = min(_opening(folder) for _ in range(REPEATS))
        built, read = _build_and_read(folder, size)
        speedup = _against_dicts(folder, size)
    return [
        Figure("bytes_per_passage", "size of the trie, titles included, per passage", files / size.passages, "bytes"),
        Figure("passages_per_second_per_core", "arrays built from tokens", size.passages / built, "passages/s"),
        Figure("build_over_read", "that build over one sum of all tokens", built / read),
        Figure("build_speedup", f"build of nested dicts over ours, {SAMPLE:,} passages", speedup),
        Figure("worker_peak_mb", "most memory of a worker of stage index", peak, "MB"),
        Figure("open_ms", "opening the trie", 1000 * opening, "ms"),
    ]


def _about(folder: Path, size: CorpusSize) -> dict[str, Any]:
    corpus = corpus_digests(read_manifest(folder, "prepare"))
    return describe(size.vocabulary - 2, size.vocabulary - 1, size.vocabulary, corpus)


def _build(folder: Path, size: CorpusSize) -> float:
    """Build the trie in Ray workers; return the most memory that one of them took, in megabytes."""
    about = _about(folder, size)
    arguments = [(folder, partition, size.partitions, about) for partition in range(size.partitions)]
    with ray_cluster(ClusterConfig()):
        peak = max(peak for _, peak in run_tasks(_build_one, arguments))
    build_titles(folder, about)
    return peak


def _build_one(folder: Path, partition: int, partitions: int, about: dict[str, Any]) -> float:
    build_passages(folder, partition, partitions, about)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(work: Callable[[], Any]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def _opening(folder: Path) -> float:
    """Return the seconds on the clock that opening the trie takes."""
    started = time.perf_counter()
    Trie(folder)
    return time.perf_counter() - started


@compiled
def _total(values):
    total = 0
    for value in values:
        total += value
    return total


def _build_and_read(folder: Path, size: CorpusSize) -> tuple[float, float]:
    """Return the seconds of building the arrays of all partitions, and of one sum over their tokens."""
    built = read = 0.0
    for titles, tokens in zip(open_partitions(folder / TITLES), open_partitions(folder / TOKENS), strict=True):
        sequences = Sequences.of(tokens["tokens"])
        groups = np.append(titles["first_passage"].to_numpy(), len(tokens)).astype(np.int64)
        times = [
            (_seconds(partial(_grow, sequences, groups, size)), _seconds(partial(_total, sequences.values)))
            for _ in range(REPEATS)
        ]
        built, read = built + min(build for build, _ in times), read + min(read for _, read in times)
    return built, read


def _grow(sequences: Sequences, groups: np.ndarray, size: CorpusSize) -> None:
    compress(sequences, groups, size.vocabulary - 1, size.vocabulary, merge=True).pack()


def _against_dicts(folder: Path, size: CorpusSize) -> float:
    """Return how many times longer nested dicts take, for the passages of some titles."""
    titles, tokens = open_partitions(folder / TITLES)[0], open_partitions(folder / TOKENS)[0]
    counts = titles["passages"].to_numpy()
    some = int(np.searchsorted(np.cumsum(counts), SAMPLE)) + 1
    groups = np.cumsum(np.append(0, counts[:some])).astype(np.int64)
    column = tokens["tokens"].slice(0, groups[-1]).combine_chunks()
    texts = column.to_pylist()
    passages = [texts[begin:end] for begin, end in itertools.pairwise(groups)]
    sequences = Sequences(column.values.to_numpy(), column.offsets.to_numpy())
    names = [[number] for number in range(len(passages))]
    times = [
        (
            _seconds(lambda: ReferenceTrie(names, passages, size.vocabulary - 2, size.vocabulary - 1)),
            _seconds(lambda: _grow(sequences, groups, size)),
        )
        for _ in range(REPEATS)
    ]
    return min(dicts for dicts, _ in times) / min(ours for _, ours in times)
