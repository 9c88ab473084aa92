"""Gather the figures of a study's finished cells: one row a figure, for tables and plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from srdist.evaluate.records import HYBRID, SELF_RETRIEVAL
from srdist.evaluate.table import LEVELS, read_metrics, systems_in_order
from srdist.storage.manifest import Manifest, read_manifest
from srdist.study.grid import Cell
from srdist.study.run import is_finished

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Result:
    """A measure of one system in one cell: its mean over the test queries, and the interval of that."""

    variant: str
    documents: int
    passages: int
    seed: int
    system: str
    level: str
    measure: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cost:
    """What a cell took: seconds of each stage, milliseconds a query, bytes of the trie, tokens trained."""

    variant: str
    documents: int
    passages: int
    seed: int
    prepare_seconds: float
    index_seconds: float
    train_seconds: float
    retrieve_seconds: float
    trained_tokens: int
    trie_bytes: int
    latency_p50_ms: float
    latency_p95_ms: float
    memory_mb: float


def read_results(cells: Iterable[Cell]) -> list[Result]:
    """Return every figure of the finished cells."""
    return [result for cell in cells if is_finished(cell) for result in _results_of(cell)]


def read_costs(cells: Iterable[Cell]) -> list[Cost]:
    """Return the costs of the finished cells."""
    return [_cost_of(cell) for cell in cells if is_finished(cell)]


def _results_of(cell: Cell) -> list[Result]:
    metrics = read_metrics(cell.run_dir)
    passages = read_manifest(cell.run_dir, "prepare").counts["passages"]
    return [
        Result(cell.variant, cell.documents, passages, cell.seed, system, level, measure, value, *interval)
        for system in systems_in_order(metrics)
        for level in LEVELS
        for measure, value in metrics["systems"][system][level].items()
        for interval in [metrics["systems"][system]["intervals"][level][measure]]
    ]


def _cost_of(cell: Cell) -> Cost:
    def manifest(stage: str) -> Manifest:
        return read_manifest(cell.run_dir, stage)

    retrieved = manifest("retrieve")
    return Cost(
        cell.variant,
        cell.documents,
        manifest("prepare").counts["passages"],
        cell.seed,
        prepare_seconds=manifest("prepare").seconds,
        index_seconds=manifest("index").seconds,
        train_seconds=manifest("train").seconds,
        retrieve_seconds=retrieved.seconds,
        trained_tokens=manifest("train").counts.get("trained_tokens", 0),
        trie_bytes=manifest("index").counts["bytes"],
        latency_p50_ms=retrieved.counts["latency_p50_ms"],
        latency_p95_ms=retrieved.counts["latency_p95_ms"],
        memory_mb=retrieved.counts["memory_mb"],
    )


def over_seeds(results: Sequence[Result]) -> list[Result]:
    """Average the same figure over the seeds; its interval is the mean of theirs."""
    groups: dict[tuple, list[Result]] = {}
    for result in results:
        key = (result.variant, result.documents, result.system, result.level, result.measure)
        groups.setdefault(key, []).append(result)
    return [_averaged(group) for group in groups.values()]


def _averaged(group: list[Result]) -> Result:
    def mean(name: str) -> float:
        return sum(getattr(result, name) for result in group) / len(group)

    first = asdict(group[0])
    return Result(**{**first, "passages": round(mean("passages")), **{n: mean(n) for n in ("value", "low", "high")}})


def lines_of(results: Sequence[Result], level: str, measure: str) -> dict[str, list[Result]]:
    """Return one line of results by rising size for each system and variant, averaged over the seeds.

    Baselines hardly depend on the variant: they are taken of the first one that has them.
    """
    lines: dict[str, dict[int, Result]] = {}
    several = len({result.variant for result in results}) > 1
    for result in over_seeds([r for r in results if r.level == level and r.measure == measure]):
        own = result.system in (SELF_RETRIEVAL, HYBRID)
        name = f"{result.system}, {result.variant}" if own and several else result.system
        lines.setdefault(name, {}).setdefault(result.documents, result)
    return {name: [points[size] for size in sorted(points)] for name, points in lines.items()}


def as_csv(rows: Sequence[DataclassInstance], kind: type[DataclassInstance]) -> str:
    """Return rows of one dataclass as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
