"""What the stages before left in a run's folder: judged queries, rankings, generated titles, answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from srdist.errors import UserError
from srdist.storage.partitions import open_partitions
from srdist.storage.runs import read_run
from srdist.storage.tables import PASSAGES, read_test_queries

SELF_RETRIEVAL = "Self-Retrieval"
SYSTEM_NAMES = {"bm25": "BM25"}
"""stem of a file in baselines/ -> name of the system; other stems name themselves"""


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A test query with its gold; the lists are empty where the gold is not in the corpus."""

    id: str
    text: str
    answers: list[str]
    documents: list[str]
    passages: list[str]
    titles: list[str]


def read_judged_queries(run_dir: Path) -> list[JudgedQuery]:
    """Read the test queries, in the order of `queries/`."""
    columns = ("id", "text", "answers", "gold_documents", "gold_passages", "gold_titles")
    return [JudgedQuery(*(row[column] for column in columns)) for row in read_test_queries(run_dir)]


def run_files(run_dir: Path) -> dict[str, Path]:
    """Return the run file of each system: Self-Retrieval first, then every baselines/*.trec by name."""
    files = {SELF_RETRIEVAL: run_dir / "retrieve" / "run.trec"}
    for path in sorted((run_dir / "baselines").glob("*.trec")):
        files[SYSTEM_NAMES.get(path.stem, path.stem)] = path
    return files


def read_ranking(path: Path) -> dict[str, list[str]]:
    """Read a TREC run as query id -> passage ids, best first; equal scores keep the order of the file."""
    return {query: sorted(scores, key=lambda passage: -scores[passage]) for query, scores in read_run(path).items()}


def documents_of(run_dir: Path, passages: Iterable[str]) -> dict[str, str]:
    """Return the document of each of these passages.

    Raises:
        UserError: a passage is not in the corpus.
    """
    wanted = set(passages)
    values = pa.array(sorted(wanted), type=pa.string())
    found: dict[str, str] = {}
    for table in open_partitions(run_dir / PASSAGES):
        rows = table.select(["id", "document"]).filter(pc.is_in(table["id"], value_set=values))
        found.update(zip(rows["id"].to_pylist(), rows["document"].to_pylist(), strict=True))
    if missing := wanted - found.keys():
        raise UserError(f"a run names passage {min(missing)}, which is not in the corpus", file=run_dir / PASSAGES)
    return found


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Read a JSONL file, one object a line.

    Raises:
        UserError: the file is missing or a line is not a JSON object.
    """
    try:
        file = open(path, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", file=path) from None
    with file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise UserError("not a JSON object", file=path, line=number)
            yield record


def read_titles(run_dir: Path) -> dict[str, list[str]]:
    """Return query id -> the titles that Self-Retrieval generated, the most probable first."""
    titles: dict[str, list[str]] = {}
    for record in read_records(run_dir / "retrieve" / "results.jsonl"):
        best = sorted(record["candidates"], key=lambda candidate: -candidate["title_logprob"])
        titles[record["query"]] = list(dict.fromkeys(candidate["title"] for candidate in best))
    return titles


def read_answers(run_dir: Path) -> dict[str, str]:
    """Return query id -> generated answer."""
    return {record["query"]: record["answer"] for record in read_records(run_dir / "answers" / "answers.jsonl")}
