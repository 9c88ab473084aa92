"""What the stages before left in a run's folder: judged queries, rankings, generated titles, answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdist.baselines.stage import SYSTEM_NAMES, run_path
from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.evaluate.measures import Rankings
from srdist.storage.corpus import live_passages, present
from srdist.storage.runs import read_run
from srdist.storage.tables import read_queries

SELF_RETRIEVAL = "Self-Retrieval"
HYBRID = "Hybrid"


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
    """Read the test queries, in the order of `queries/`; gold that was removed from the corpus is left out."""
    rows = read_queries(run_dir, "test")
    columns = {"gold_documents": "document", "gold_passages": "id", "gold_titles": "title"}
    held = {name: present(run_dir, columns[name], (item for row in rows for item in row[name])) for name in columns}
    queries = []
    for row in rows:
        documents, passages, titles = ([item for item in row[name] if item in held[name]] for name in columns)
        queries.append(
            JudgedQuery(row["id"], row["text"], row["answers"], documents, passages, titles if passages else [])
        )
    return queries


def read_systems(config: Config) -> dict[str, Rankings]:
    """Read the rankings of Self-Retrieval and of every baseline of the config: name -> query id -> passage ids."""
    systems: dict[str, Rankings] = {SELF_RETRIEVAL: read_ranking(config.run_dir / "retrieve" / "run.trec")}
    for system in config.baselines.systems:
        systems[SYSTEM_NAMES[system]] = read_ranking(run_path(config.run_dir, system))
    return systems


def read_ranking(path: Path) -> dict[str, list[str]]:
    """Read a TREC run as query id -> passage ids, best first; equal scores keep the order of the file."""
    return {query: sorted(scores, key=lambda passage: -scores[passage]) for query, scores in read_run(path).items()}


def documents_of(run_dir: Path, passages: Iterable[str]) -> dict[str, str]:
    """Return the document of each of these passages.

    Raises:
        UserError: a passage is not in the corpus.
    """
    wanted = set(passages)
    found: dict[str, str] = {}
    for table in live_passages(run_dir, ("id", "document")):
        pairs = zip(table["id"].to_pylist(), table["document"].to_pylist(), strict=True)
        found.update((passage, document) for passage, document in pairs if passage in wanted)
    if missing := wanted - found.keys():
        what = f"a run names passage {min(missing)}, which is not in the corpus"
        raise UserError(what, file=run_dir, cure="run `srdist retrieve --overwrite`, and `baselines`")
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


def read_answers(run_dir: Path, folder: str = "answers") -> dict[str, str]:
    """Return query id -> generated answer; `answers.gold` and `answers.none` are those from a gold passage or none."""
    return {record["query"]: record["answer"] for record in read_records(run_dir / folder / "answers.jsonl")}
