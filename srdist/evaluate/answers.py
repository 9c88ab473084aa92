"""Exact match and F1 of answers, as the evaluation script of SQuAD 1.1 defines them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from srdist.evaluate.measures import mean
from srdist.evaluate.records import JudgedQuery

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(answer: str) -> str:
    """Lower-case an answer, drop punctuation and the articles a, an, the, and squeeze white space."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str | None, accepted: Iterable[str]) -> float:
    """Return 1.0 if the answer equals an accepted one after normalisation, else 0.0; no answer gives 0.0."""
    return float(bool(answer) and any(normalise(answer) == normalise(gold) for gold in accepted))


def f1(answer: str | None, accepted: Iterable[str]) -> float:
    """Return the best F1 between the answer's words and those of an accepted answer, 0 to 1; no answer gives 0.0."""
    if not answer:
        return 0.0
    words = normalise(answer).split()
    return max((_overlap(words, normalise(gold).split()) for gold in accepted), default=0.0)


def measure_answers(queries: Sequence[JudgedQuery], answers: Mapping[str, str]) -> dict[str, Any]:
    """Return means over the queries with accepted answers (None without any); no answer counts zero."""
    answered = [query for query in queries if query.answers]
    exact = {query.id: exact_match(answers.get(query.id), query.answers) for query in answered}
    overlap = {query.id: f1(answers.get(query.id), query.answers) for query in answered}
    return {
        "EM": mean(exact) if answered else None,
        "F1": mean(overlap) if answered else None,
        "queries": len(answered),
        "missing_predictions": sum(not answers.get(query.id) for query in answered),
    }


def _overlap(words: list[str], gold: list[str]) -> float:
    common = (Counter(words) & Counter(gold)).total()
    return 2 * common / (len(words) + len(gold)) if common else 0.0
