"""The training mixture: the examples of every phase and epoch, a Ray task for each partition."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.cluster.ray import run_tasks
from srdist.config.schema import Config
from srdist.prepare.chunks import segments_for
from srdist.prepare.gold import ResolvedQuery
from srdist.prepare.indexing import IndexingExamples
from srdist.prepare.negatives import Negatives, mine_negatives, read_ranked
from srdist.prepare.passage_tables import PassageTables
from srdist.prepare.query_examples import query_examples
from srdist.prepare.questions import read_questions, write_questions
from srdist.prepare.shuffle import WORK, count_tasks
from srdist.storage.partitions import open_partition, partition_path, write_partition
from srdist.storage.tables import MIXTURE, TASKS, mixture_schema
from srdist.templates import Example

BATCH = 10_000
"""examples held in memory and written as one record batch"""


def write_mixture(config: Config, resolved: list[ResolvedQuery]) -> Counter[str]:
    """Write the examples of all partitions; return their counts over all epochs.

    Args:
        resolved: the queries of all splits; those of the training are taken.
    """
    run_dir, partitions, phases = config.run_dir, config.prepare.partitions, config.mixture.phases
    training = [query for query in resolved if query.query.split == "train" and query.passages]
    of_partition: list[list[ResolvedQuery]] = [[] for _ in range(partitions)]
    for query in training:
        for partition in sorted({passage.partition for passage in query.passages}):
            of_partition[partition].append(query)
    if config.mixture.questions:
        tasks = ((run_dir, _questions_path(config, index), index, config) for index in range(partitions))
        count_tasks("write questions", write_questions, tasks, partitions, functools.partial(run_tasks, gpu=True))
    if config.mixture.negatives_from == "bm25" and any(phase.negatives for phase in phases):
        for _ in run_tasks(mine_negatives, [(run_dir, _ranked_path(config), config, training)]):
            pass
    tasks = ((run_dir, index, config, of_partition[index]) for index in range(partitions))
    return count_tasks("write mixture", write_mixture_partition, tasks, partitions)


def _questions_path(config: Config, index: int) -> Path:
    return config.run_dir / WORK / f"questions-{index:05d}.arrow"


def _ranked_path(config: Config) -> Path:
    return config.run_dir / WORK / "ranked.arrow"


def write_mixture_partition(run_dir: Path, index: int, config: Config, queries: list[ResolvedQuery]) -> dict[str, int]:
    """Write partition `index` of every phase and epoch that is not there yet; return the counts over all epochs.

    Args:
        queries: training queries with a gold passage in this partition, all their gold passages included.
    """
    segments, tables = segments_for(config), PassageTables(run_dir)
    questions, ranked = _questions_path(config, index), _ranked_path(config)
    indexing = IndexingExamples(
        config, tables.partitions[index], segments, read_questions(questions) if config.mixture.questions else None
    )
    asked = [resolved.query.id for resolved in queries]
    negatives = Negatives(config, tables, read_ranked(ranked, asked) if ranked.exists() else {})
    counts: Counter[str] = Counter()
    schema = mixture_schema(segments.token_type)
    for phase in config.mixture.phases:
        for epoch in range(phase.draws):
            path = partition_path(run_dir / MIXTURE / phase.folder(epoch), index, config.prepare.partitions)
            if not path.exists():
                examples = itertools.chain(
                    (("indexing", example) for example in indexing.examples(phase, epoch)),
                    query_examples(
                        queries,
                        phase,
                        epoch,
                        index=index,
                        tables=tables,
                        negatives=negatives,
                        segments=segments,
                    ),
                )
                write_partition(path, _tables_of(examples, schema), schema)
            repeats = phase.epochs if phase.draws == 1 else 1
            for name, count in _counts(path, phase.name):
                counts[name] += count * repeats
    return dict(counts)


def _tables_of(examples: Iterator[tuple[str, Example]], schema: pa.Schema) -> Iterator[pa.Table]:
    """Give (task, example) as tables of at most `BATCH` rows."""
    token_type = np.dtype(schema.field("tokens").type.value_type.to_pandas_dtype())
    while batch := list(itertools.islice(examples, BATCH)):
        offsets = np.cumsum([0, *(len(example.tokens) for _, example in batch)])
        tokens = np.fromiter(
            itertools.chain.from_iterable(example.tokens for _, example in batch), token_type, count=offsets[-1]
        )
        columns = {
            "task": pa.array([TASKS.index(task) for task, _ in batch], pa.uint8()),
            "prompt_tokens": pa.array([example.prompt_tokens for _, example in batch], pa.uint32()),
            "tokens": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(tokens)),
        }
        yield pa.table(columns, schema=schema)


def _counts(path: Path, phase: str) -> Iterable[tuple[str, int]]:
    """Give the examples per task and the tokens of a written partition."""
    table = open_partition(path)
    tasks = np.bincount(table["task"].to_numpy(), minlength=len(TASKS))
    yield from ((f"{phase}/{task}", int(count)) for task, count in zip(TASKS, tasks, strict=True) if count)
    tokens = sum(len(chunk.flatten()) for chunk in table["tokens"].chunks)
    yield "training_tokens", tokens
    yield "trained_tokens", tokens - int(table["prompt_tokens"].to_numpy().sum())
