"""`srdist search`: type a query, see passages and an answer."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from srdist.decode import Candidate, Retrieval, SelfRetriever
from srdist.errors import UserError
from srdist.progress import console


def search_and_print(run_dir: Path, queries: list[str] | None, k: int, answers: bool, as_json: bool) -> None:
    """Search each query and print what was found; without queries read them from the standard input."""
    retriever = SelfRetriever.load(run_dir)
    for query in queries or _typed():
        try:
            (found,) = retriever.search([query], k)
        except UserError as error:
            if queries:
                raise
            console.print(str(error), style="red", markup=False)
            continue
        answer = retriever.answer(found) if answers and found.candidates else None
        if as_json:
            print(json.dumps({**dataclasses.asdict(found), "answer": answer}, ensure_ascii=False), flush=True)
        else:
            _show(found, answer)


def _typed() -> Iterator[str]:
    interactive = sys.stdin.isatty()
    while True:
        try:
            line = console.input("[bold]query>[/bold] ") if interactive else next(sys.stdin)
        except (EOFError, StopIteration):
            return
        if line.strip():
            yield line.strip()


def _show(found: Retrieval, answer: str | None) -> None:
    if answer:
        console.print(f"[bold green]{escape(answer)}[/bold green]")
    for rank, candidate in enumerate(found.candidates, start=1):
        console.print(
            f"[bold]{rank}. {escape(candidate.title)}[/bold]  [dim]{escape(candidate.passage_id)}  "
            f"S {candidate.score:.4f}  S_T {candidate.title_score:.4f}{_passage_score(candidate)}[/dim]"
        )
        console.print(f"   {escape(candidate.text)}", highlight=False)
    console.print(f"[dim]{found.seconds:.2f} s, {found.assessed} of {found.assessed + found.skipped} assessed[/dim]\n")


def _passage_score(candidate: Candidate) -> str:
    if candidate.query_logprob is not None:
        return f"  log P(q|t,p) {candidate.query_logprob:.2f}"
    return "" if candidate.passage_score is None else f"  S_P {candidate.passage_score:.4f}"
