"""What baselines search in and learn from: all passages under their titles, and the training queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from srdist.storage.corpus import live_passages
from srdist.storage.tables import read_queries


@dataclass(frozen=True)
class Passages:
    """All passages of a run: ids, and texts with the title in front, in the order of the corpus."""

    ids: list[str]
    texts: list[str]


def read_passages(run_dir: Path) -> Passages:
    """Read all passages of a run."""
    ids: list[str] = []
    texts: list[str] = []
    for passages in live_passages(run_dir, ("id", "title", "text")):
        ids += passages["id"].to_pylist()
        pairs = zip(passages["title"].to_pylist(), passages["text"].to_pylist(), strict=True)
        texts += [f"{title} {text}" for title, text in pairs]
    return Passages(ids, texts)


@dataclass(frozen=True)
class Question:
    """A query with accepted answers and the ids of its gold passages."""

    id: str
    text: str
    answers: list[str]
    gold: list[str]


def read_questions(run_dir: Path, split: str) -> list[Question]:
    """Read the queries of `train` or `test`, in order."""
    rows = read_queries(run_dir, split)
    return [Question(row["id"], row["text"], row["answers"], row["gold_passages"]) for row in rows]
