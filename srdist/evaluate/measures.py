"""Ranking measures by ir_measures, averaged over all queries: a query without prediction or gold counts zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

from srdist.errors import UserError

if TYPE_CHECKING:
    from ir_measures import Measure

Rankings = Mapping[str, Sequence[str]]
"""query id -> passage or document ids, best first"""

QueryScores = Mapping[str, Mapping[str, float]]
"""shown name of a measure -> query id -> value"""

PAPER_NAMES = {"Success": "Hits", "RR": "MRR", "R": "Recall", "P": "Precision", "AP": "MAP"}
"""ir_measures' name of a measure -> the name that is shown"""


def parse_measures(names: Iterable[str]) -> list[Measure]:
    """Parse measures in the notation of ir_measures, such as `Success@1`, `RR@5`, `nDCG@10`.

    Raises:
        UserError: a name is unknown, or lacks its cut-off.
    """
    import ir_measures

    parsed = []
    for name in names:
        try:
            measure = ir_measures.parse_measure(name)
            known = ir_measures.DefaultPipeline.supports(measure) and measure.params.get("cutoff", 1) > 0
            if known:  # a measure may need a program that is not there, or other ids than ours
                ir_measures.calc_aggregate([measure], {"q": {"d": 1}}, {"q": {"d": 1.0}})
        except (NameError, ValueError, SyntaxError, AssertionError, OSError, CalledProcessError):
            known = False
        if not known:
            cure = "use names such as Success@1, RR@5, R@10, nDCG@10"
            raise UserError(f"evaluate.measures: ir_measures has no measure {name!r}", cure=cure)
        parsed.append(measure)
    return parsed


def shown_name(measure: Measure) -> str:
    """Return the name that tables show: Hits@k for Success@k, MRR@k for RR@k, Recall@k for R@k."""
    name, at, cutoff = str(measure).partition("@")
    family, bracket, rest = name.partition("(")
    return PAPER_NAMES.get(family, family) + bracket + rest + at + cutoff


def score_queries(
    measures: Iterable[Measure], gold: Mapping[str, Sequence[str]], rankings: Rankings
) -> dict[str, dict[str, float]]:
    """Return shown name -> query id -> value, for every query of `gold`.

    A ranking's order is what counts, not its scores, so that equal scores cannot reorder it.

    Args:
        gold: query id -> relevant ids; an empty list gives zero.
        rankings: a query that is missing here gets zero.
    """
    import ir_measures

    qrels = {query: dict.fromkeys(relevant, 1) for query, relevant in gold.items() if relevant}
    run = {
        query: {identifier: float(-rank) for rank, identifier in enumerate(rankings[query])}
        for query in qrels
        if rankings.get(query)
    }
    measures = list(measures)
    values = {shown_name(measure): dict.fromkeys(gold, 0.0) for measure in measures}
    if run:
        for metric in ir_measures.iter_calc(measures, qrels, run):
            values[shown_name(metric.measure)][metric.query_id] = float(metric.value)
    return values


def mean(values: Mapping[str, float]) -> float:
    """Return the mean over all queries.

    Raises:
        UserError: there is no query.
    """
    if not values:
        raise UserError("there are no test queries to evaluate", cure="add a test split under corpus.queries")
    return sum(values.values()) / len(values)


def rank_documents(passages: Iterable[str], document_of: Mapping[str, str]) -> list[str]:
    """Turn a ranking of passages into one of documents: each stands where its best passage stood."""
    return list(dict.fromkeys(document_of[passage] for passage in passages))


def first_rank(ranking: Sequence[str], gold: Iterable[str]) -> int | None:
    """Return the rank, from 1, of the first gold id in a ranking; None if none is there."""
    wanted = set(gold)
    return next((rank for rank, identifier in enumerate(ranking, start=1) if identifier in wanted), None)
