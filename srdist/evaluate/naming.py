"""Does a question name what it asks about? Figures apart for those that have a word of a gold title, and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srdist.baselines.bm25 import terms_of
from srdist.evaluate.measures import QueryScores, mean
from srdist.evaluate.records import JudgedQuery

NAMING = {
    "named": "the question has a word of a gold title, by BM25's stop words and stems",
    "unnamed": "it has none",
}
"""kind of question -> what it means"""


def naming_kind(query: JudgedQuery, language: str) -> str | None:
    """Return a query's kind, a key of `NAMING`; None where no gold is in the corpus.

    Args:
        language: ISO 639-1 code, of stop words and stems.
    """
    if not query.titles:
        return None
    asked, *titles = map(set, terms_of([query.text, *query.titles], language=language))
    return "named" if any(asked & title for title in titles) else "unnamed"


def measure_by_naming(
    kinds: Mapping[str, str | None], systems: Mapping[str, QueryScores], titles: QueryScores
) -> dict[str, dict[str, Any]]:
    """Return kind -> the number of its `queries`, the means of their `title` scores and of each of the `systems`.

    Args:
        kinds: query id -> kind.
        systems: system -> values of the passages it ranks.
        titles: values of the titles that were generated.
    """
    parts = {kind: [query for query, own in kinds.items() if own == kind] for kind in NAMING}
    return {
        kind: {
            "queries": len(part),
            "title": _means(titles, part),
            "systems": {system: _means(scores, part) for system, scores in systems.items()},
        }
        for kind, part in parts.items()
        if part
    }


def _means(scores: QueryScores, queries: Sequence[str]) -> dict[str, float]:
    return {measure: mean({query: values[query] for query in queries}) for measure, values in scores.items()}
