"""A few test questions with what was found for them, drawn evenly from the test set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from srdist.decode.results import RESULTS
from srdist.evaluate.records import read_records

Item = TypeVar("Item")
SHOWN_CANDIDATES = 3
EXCERPT_CHARACTERS = 300
LONGEST_WORD = 50
"""characters before a cut that are searched for a space; without one (Chinese, Japanese) the cut stays where it is"""


def read_examples(run_dir: Path, count: int) -> list[dict[str, Any]]:
    """Return `count` test questions: their lines of per_query.jsonl with `found` and `verdict` added.

    `found` holds the best candidates of results.jsonl, each with `excerpt` (see `excerpt`) and `is_gold`.
    """
    chosen = spread(list(read_records(run_dir / "evaluate" / "per_query.jsonl")), count)
    wanted = {question["query"] for question in chosen}
    results = {
        record["query"]: record["candidates"][:SHOWN_CANDIDATES]
        for record in read_records(run_dir / RESULTS)
        if record["query"] in wanted
    }
    return [_example(question, results.get(question["query"], [])) for question in chosen]


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return `count` items at even distances, the first one included."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _example(question: dict[str, Any], candidates: Iterable[dict[str, Any]]) -> dict[str, Any]:
    gold, answers = set(question["gold"]["passage"]), question["gold"]["answer"]
    found = [
        {**candidate, "excerpt": excerpt(candidate["text"], answers), "is_gold": candidate["passage_id"] in gold}
        for candidate in candidates
    ]
    return {**question, "found": found, "verdict": _verdict(question), "answer": question["answer"] or ""}


def _verdict(question: dict[str, Any]) -> str:
    """Return `right`, `partly`, `wrong`, or `unjudged` where no accepted answer is known."""
    if question["em"] is None:
        return "unjudged"
    return "right" if question["em"] else "partly" if question["f1"] else "wrong"


def excerpt(text: str, answers: Iterable[str]) -> list[tuple[str, bool]]:
    """Cut a passage to some 300 characters around the first accepted answer in it.

    Returns:
        Pieces of the passage with whether they are the answer; an ellipsis where something is left out.
    """
    spans = [match.span() for answer in filter(None, answers) if (match := _whole_words(answer).search(text))]
    start, end = min(spans, default=(0, 0))
    room = max(0, EXCERPT_CHARACTERS - (end - start))
    left = max(0, min(start - room // 2, len(text) - (end - start) - room))
    left = text.rfind(" ", max(0, left - LONGEST_WORD), left) + 1 or left
    right = left + max(EXCERPT_CHARACTERS, end - left)
    if right < len(text):
        space = text.rfind(" ", right - LONGEST_WORD, right)
        right = max(end, right if space < 0 else space)
    before = ("… " if left else "") + text[left:start]
    after = text[end:right] + (" …" if right < len(text) else "")
    pieces = [(before, False), (text[start:end], True), (after, False)]
    return [piece for piece in pieces if piece[0]]


def _whole_words(answer: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)", re.IGNORECASE)
