"""TREC run and qrels files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from srdist.errors import UserError
from srdist.storage.files import written_aside

Run = dict[str, dict[str, float]]
"""query id -> passage or document id -> score"""


def write_run(path: Path, rankings: Iterable[tuple[str, list[tuple[str, float]]]], tag: str) -> None:
    """Write a TREC run: `query Q0 id rank score tag`, best first, six columns.

    Tools that read it sort by score. Where the next one would not be lower, it is written a little lower.

    Raises:
        UserError: an id contains white space, which the format cannot hold.
    """
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for query, ranking in rankings:
            last = math.inf
            for rank, (identifier, score) in enumerate(ranking, start=1):
                if len(f"{query} {identifier}".split()) != 2:
                    what = f"the ids {query!r}, {identifier!r} contain white space"
                    raise UserError(what, cure="a TREC run needs ids without")
                shown = f"{score:.9g}"
                if float(shown) >= last:
                    shown = f"{last - max(abs(last), 1e-30) * 1e-8:.9g}"
                last = float(shown)
                file.write(f"{query} Q0 {identifier} {rank} {shown} {tag}\n")


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
