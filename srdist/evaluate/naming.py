"""Does a question name what it asks about? Figures apart for those that have a word of a gold title, and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srdist.corpus.words import stop_words, words_of
from srdist.evaluate.measures import QueryScores, mean
from srdist.evaluate.records import JudgedQuery

NAMING = {"named": "the question has a word of a gold title", "unnamed": "it has none"}
"""kind -> what it means; stop words are no words here, and case does not matter"""


def naming(query: JudgedQuery, language: str) -> str | None:
    """Return a query's kind, a key of `NAMING`; None where no gold is in the corpus.

    Args:
        language: ISO 639-1 code, for the stop words.
    """
    if not query.titles:
        return None
    asked = _content(query.text, language)
    return "named" if any(asked & _content(title, language) for title in query.titles) else "unnamed"


def measure_by_naming(
    kinds: Mapping[str, str | None], systems: Mapping[str, QueryScores], titles: QueryScores
) -> dict[str, dict[str, Any]]:
    """Return kind -> the number of its `queries`, the means of their `title` scores and of each of the `systems`.

    Args:
        kinds: query id -> kind.
        systems: system -> values of the passages it ranks.
        titles: values of the titles that were generated.
    """
    parts: dict[str, list[str]] = {kind: [] for kind in NAMING}
    for query, kind in kinds.items():
        if kind is not None:
            parts[kind].append(query)
    return {
        kind: {
            "queries": len(part),
            "title": _means(titles, part),
            "systems": {system: _means(scores, part) for system, scores in systems.items()},
        }
        for kind, part in parts.items()
        if part
    }


def _content(text: str, language: str) -> set[str]:
    return {word.lower() for word in words_of(text)} - stop_words(language)


def _means(scores: QueryScores, queries: Sequence[str]) -> dict[str, float]:
    return {measure: mean({query: values[query] for query in queries}) for measure, values in scores.items()}
