"""TREC run and qrels files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from srdist.errors import UserError
from srdist.storage.files import written_aside

Run = dict[str, dict[str, float]]
"""query id -> passage or document id -> score"""


def write_run(path: Path, rankings: Iterable[tuple[str, list[tuple[str, float]]]], tag: str) -> None:
    """Write a TREC run: `query Q0 id rank score tag`, best first, six columns.

    Raises:
        UserError: an id contains white space, which the format cannot hold.
    """
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for query, ranking in rankings:
            for rank, (identifier, score) in enumerate(ranking, start=1):
                if len(f"{query} {identifier}".split()) != 2:
                    what = f"the ids {query!r}, {identifier!r} contain white space"
                    raise UserError(what, cure="a TREC run needs ids without")
                file.write(f"{query} Q0 {identifier} {rank} {score:.9g} {tag}\n")


def read_run(path: Path) -> Run:
    """Read a TREC run.

    Raises:
        UserError: a line has not six columns or its score is no number.
    """
    run: Run = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                query, _, identifier, _, score, _ = line.split()
                run.setdefault(query, {})[identifier] = float(score)
            except ValueError:
                raise UserError("not a line of a TREC run", file=path, line=number) from None
    return run
