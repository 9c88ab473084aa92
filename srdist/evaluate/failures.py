"""Where the gold passage of a query was lost on its way to the first rank."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from srdist.evaluate.records import JudgedQuery

KINDS = {
    "found": "gold passage at rank 1",
    "gold not in the corpus": "no gold passage is in the corpus",
    "title not generated": "the model finds every title it generated more probable than a gold one",
    "title pruned": "the beam lost a gold title that is more probable than the worst one it kept: more title beams",
    "passage pruned": "a gold title was found, but no gold passage below it: more passage beams, or more passages",
    "lost in assessment": "a gold passage was found, and another one was ranked above it",
}
"""kind -> what it means; a query has the first of them, after `found`, that holds"""


def failure_kind(query: JudgedQuery, record: dict[str, Any] | None) -> str:
    """Return the kind of a query, a key of `KINDS`.

    Args:
        record: its line of `retrieve/results.jsonl`; None: it was not searched for.
    """
    if not query.passages:
        return "gold not in the corpus"
    if record is None:
        return "title not generated"
    gold = set(query.passages)
    if record["candidates"] and record["candidates"][0]["passage_id"] in gold:
        return "found"
    generated = [title for title in record["titles"] if title["title"] in query.titles]
    if not generated:
        worst = min((title["logprob"] for title in record["titles"]), default=float("-inf"))
        lost = any(title["logprob"] > worst for title in record["missed_titles"])
        by_beams = not record["expansions"]  # an exact search loses none, up to the rounding of a forward
        return "title pruned" if by_beams and lost else "title not generated"
    if not any(gold & set(title["passages"]) for title in generated):
        return "passage pruned"
    return "lost in assessment"


def count_failures(kinds: Iterable[str]) -> dict[str, int]:
    """Return how many queries are of each kind, in the order of `KINDS`."""
    counts = dict.fromkeys(KINDS, 0)
    for kind in kinds:
        counts[kind] += 1
    return counts
