"""`srdist bench scale`: the stages prepare, index and retrieve, whole, on corpora of rising size.

Seconds of the processor are compared, of this process and of its workers together: other programs disturb them
little, and Ray's start and the workers' imports, which cost the same at every size, come before the first corpus.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srdist.bench.figures import Figure
from srdist.bench.processes import Watch
from srdist.bench.train_run import RandomModel
from srdist.cluster.ray import ray_cluster
from srdist.config.cluster import ClusterConfig
from srdist.config.schema import Config
from srdist.decode import decoding
from srdist.decode.retriever import SelfRetriever
from srdist.decode.stage import retrieve
from srdist.prepare.stage import prepare
from srdist.progress import console
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.tables import MODEL, PASSAGES, TITLES, TOKENS, TRIE, read_queries
from srdist.templates import load_tokenizer
from srdist.trie.stage import build_index

CHUNK, PARTITION = 1_000, 4_000
"""documents of a chunk and of a partition"""
WARM_UP, WARM_CHUNK = 1_000, 50
"""documents of the corpus that workers warm up on, and of its chunks"""
TEST, TRAIN = 32, 320
"""queries about documents that are in every corpus; of a few, one decides how many forwards a search takes"""
WORDS = 8
"""words of a query"""
REPEATS = 3
CONTEXT = 32_768
"""tokens of the model's longest sequence: some dictionary entries are a long passage"""
MIXTURE = [
    {"name": "indexing", "sentences": 1, "target_tokens": 16},
    {"name": "mixture", "retrievals": 2, "positives": 1, "negatives": 2, "target_tokens": 16},
]


@dataclass
class Run:
    """A corpus' run and what its stages took."""

    config: Config
    documents: int
    watches: dict[str, Watch] = field(default_factory=dict)
    query_seconds: float = 0.0

    @property
    def passages(self) -> int:
        """Number of passages of the corpus."""
        return read_manifest(self.config.run_dir, "prepare").counts["passages"]

    def do(self, stage: str, work: Callable[[Config], Any]) -> None:
        """Run a stage and watch it."""
        with Watch() as watch:
            work(self.config)
        self.watches[stage] = watch
        processor = f"processor {watch.driver_seconds:.2f} s + {watch.worker_seconds:.2f} s in workers"
        what = f"{self.documents:,} documents, {stage}: {watch.seconds:.1f} s, {processor}"
        console.print(f"{what}, a worker {watch.worker_peak_mb:.0f} MB", highlight=False, soft_wrap=True)

    def microseconds(self, stage: str) -> float:
        """Return the processor's time of a stage, for each passage."""
        watch = self.watches[stage]
        return 1e6 * (watch.driver_seconds + watch.worker_seconds) / self.passages

    def bytes_per_passage(self, *folders: str) -> float:
        """Return the size of tables, for each passage."""
        files = (path for name in folders for path in (self.config.run_dir / name).iterdir())
        return sum(path.stat().st_size for path in files) / self.passages


def measure(lines: Sequence[str], sizes: Sequence[int], base: Path) -> list[Figure]:
    """Run the stages at every size, the smallest first; queries go through a tiny model with random weights.

    The documents are shuffled, so that those of a small corpus are like those of a large one, which they are a part
    of. Partitions and chunks hold equally many documents at every size. Titles alone rank: how many passages the titles
    of a random model have, and so what their assessment costs, says nothing about the size of the corpus.

    Args:
        lines: the corpus, a document of the format `jsonl` each.
        sizes: numbers of documents.
        base: folder of a model with the tokenizer.
    """
    lines = random.Random(0).sample(lines, len(lines))
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as name, ray_cluster(ClusterConfig()):
        warm_up = _experiment(Path(name) / "warm-up", lines[: min(WARM_UP, *sizes)], base, WARM_CHUNK, WARM_CHUNK)
        prepare(warm_up)
        build_index(warm_up)
        runs = [
            Run(_experiment(Path(name) / str(size), lines[:size], base, CHUNK, PARTITION), size)
            for size in sorted(sizes)
        ]
        for run in runs:
            run.do("prepare", prepare)
            run.do("index", build_index)
        for run in runs:  # later, as Ray ends the other workers to make room for its actors
            _random_model(run.config)
            run.do("retrieve", retrieve)
        _time_queries(runs)
        return [figure for run in runs for figure in _figures(run)] + _growth(runs[0], runs[-1])


def _experiment(folder: Path, lines: Sequence[str], base: Path, chunk: int, partition: int) -> Config:
    folder.mkdir()
    (folder / "documents.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    queries = "".join(json.dumps(_query(number, json.loads(line))) + "\n" for number, line in enumerate(lines[:TRAIN]))
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    return Config.model_validate(
        {
            "name": "bench",
            "output": str(folder / "run"),
            "corpus": {
                "documents": [{"format": "jsonl", "path": str(folder / "documents.jsonl")}],
                "queries": [{"format": "jsonl", "path": str(folder / "queries.jsonl"), "split": "field"}],
            },
            "model": {"base": str(base.resolve()), "dtype": "float32"},
            "prepare": {"partitions": -(-len(lines) // partition), "chunk_documents": chunk},
            "mixture": {"phases": MIXTURE},
            "train": {"deepspeed": str(folder / "none")},
            "retrieve": {"device": "cpu", "score": "title"},
        }
    )


def _query(number: int, document: dict[str, Any]) -> dict[str, Any]:
    text = document["text"] if "text" in document else " ".join(document["paragraphs"])
    split = "test" if number < TEST else "train"
    return {
        "id": f"q{number}",
        "text": " ".join(text.split()[:WORDS]),
        "documents": [document["id"]],
        "split": split,
    }


def _random_model(config: Config) -> None:
    """Stand in for stage train."""
    tokenizer, folder = load_tokenizer(config.model.base), config.run_dir / MODEL
    RandomModel(hidden=64, layers=2, vocabulary=len(tokenizer), context=CONTEXT).save(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(config.run_dir, Manifest("train", {}, {}), (MODEL,))


def _time_queries(runs: Sequence[Run]) -> None:
    """Note what a query costs a worker at every size: by turns, the least of several repeats."""
    import torch

    torch.set_num_threads(1)
    retrievers = [SelfRetriever.load(run.config.run_dir, run.config) for run in runs]
    rows = read_queries(runs[0].config.run_dir, "test")
    batch = [decoding.Query(row["id"], row["text"], row["gold_titles"]) for row in rows]
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(REPEATS + 1):  # the first one warms up
        for retriever, spent in zip(retrievers, times, strict=True):
            started = time.process_time()
            decoding.retrieve(retriever, batch)
            spent.append(time.process_time() - started)
    for run, spent in zip(runs, times, strict=True):
        run.query_seconds = min(spent[1:]) / len(batch)


def _figures(run: Run) -> list[Figure]:
    """Return what a run took; keys end in its number of documents."""
    size, tokens = run.documents, read_manifest(run.config.run_dir, "prepare").counts["tokens"]
    figures = [
        Figure(f"passages.{size}", f"{size:,} documents", run.passages, "passages"),
        Figure(f"tokens_per_passage.{size}", "  tokens of a passage", tokens / run.passages, "tokens"),
    ]
    for stage, watch in run.watches.items():
        figures += [
            Figure(f"seconds.{stage}.{size}", f"  {stage}, on the clock", watch.seconds, "s"),
            Figure(
                f"cpu_seconds.{stage}.{size}",
                "    processor, with what it takes to start",
                watch.driver_seconds + watch.worker_seconds,
                "s",
            ),
            Figure(f"worker_own_mb.{stage}.{size}", "    most memory of a worker, its own", watch.worker_own_mb, "MB"),
            Figure(f"worker_peak_mb.{stage}.{size}", "      with pages of mapped files", watch.worker_peak_mb, "MB"),
        ]
        if stage != "retrieve":
            cost = run.microseconds(stage)
            figures.append(Figure(f"cost.{stage}.{size}", "    processor, a passage", cost, "microseconds"))
    return [
        *figures,
        Figure(f"cost.retrieve.{size}", "    processor, a query in a worker", 1000 * run.query_seconds, "ms"),
        Figure(f"table_bytes.{size}", "  tables, a passage", run.bytes_per_passage(TITLES, PASSAGES, TOKENS), "bytes"),
        Figure(f"trie_bytes.{size}", "  trie, a passage", run.bytes_per_passage(TRIE), "bytes"),
    ]


def _growth(small: Run, large: Run) -> list[Figure]:
    """Compare the largest corpus with the smallest."""
    over = f"{large.documents:,} over {small.documents:,} documents"
    pairs = [(watch, small.watches[stage]) for stage, watch in large.watches.items()]
    own = max(watch.worker_own_mb / other.worker_own_mb for watch, other in pairs)
    peak = max(watch.worker_peak_mb / other.worker_peak_mb for watch, other in pairs)
    return [
        *(
            Figure(f"cost_growth.{stage}", f"{stage}, a passage, {over}", large.microseconds(stage) / cost)
            for stage, cost in ((stage, small.microseconds(stage)) for stage in ("prepare", "index"))
        ),
        Figure("cost_growth.retrieve", f"retrieve, a query, {over}", large.query_seconds / small.query_seconds),
        Figure("memory_growth", f"a worker's own memory, {over}, the worst stage", own),
        Figure("peak_memory_growth", "the same with the pages of mapped files", peak),
    ]
