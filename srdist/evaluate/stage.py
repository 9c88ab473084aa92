"""Stage `evaluate`: runs and answers -> evaluate/metrics.json, per_query.jsonl, qrels.trec."""

from __future__ import annotations

import json
from typing import Any

from srdist.config.schema import Config
from srdist.evaluate.answers import exact_match, f1
from srdist.evaluate.measures import (
    Rankings,
    first_rank,
    mean,
    parse_measures,
    rank_documents,
    score_queries,
    shown_name,
)
from srdist.evaluate.records import (
    SELF_RETRIEVAL,
    JudgedQuery,
    documents_of,
    read_answers,
    read_judged_queries,
    read_ranking,
    read_titles,
    run_files,
)
from srdist.storage.files import sha256, write_json, write_text
from srdist.storage.manifest import Manifest, verified_inputs
from srdist.storage.stage import Stage
from srdist.storage.tables import PASSAGES, QUERIES

EVALUATE = "evaluate"
Levels = dict[str, Rankings]
"""`passage` and `document` -> the rankings of one system"""


def evaluate(config: Config, *, overwrite: bool = False) -> Manifest:
    """Measure Self-Retrieval and every baseline on the same test queries, and the answers.

    `evaluate/metrics.json` holds `systems` (system -> level -> measure -> mean over all test queries, and how many
    have no prediction), `answers` (EM and F1 over the queries with accepted answers) and the counts of `queries`.

    Raises:
        UserError: a measure is unknown, a stage before has not finished, or there are no test queries.
    """
    parse_measures(config.evaluate.measures)
    run_dir = config.run_dir
    inputs = verified_inputs(run_dir, "prepare", QUERIES, PASSAGES)
    for name, folder in (("retrieve", "retrieve"), ("answer", "answers"), ("baselines", "baselines")):
        inputs |= verified_inputs(run_dir, name, folder)
    inputs |= {system: sha256(path) for system, path in run_files(run_dir).items()}
    settings = {"name": config.name, "measures": config.evaluate.measures, "titles": config.retrieve.titles}
    stage = Stage(run_dir, "evaluate", settings=settings, inputs=inputs, outputs=(EVALUATE,))
    return stage.run(lambda: _work(config), overwrite=overwrite)


def _work(config: Config) -> dict[str, Any]:
    run_dir = config.run_dir
    queries = read_judged_queries(run_dir)
    systems = {name: read_ranking(path) for name, path in run_files(run_dir).items()}
    document_of = documents_of(run_dir, (p for rankings in systems.values() for ids in rankings.values() for p in ids))
    levels = {name: _levels(rankings, document_of) for name, rankings in systems.items()}
    titles, answers = read_titles(run_dir), read_answers(run_dir)

    measured = {name: _measure(config, queries, by_level) for name, by_level in levels.items()}
    measured[SELF_RETRIEVAL]["title"] = _measure_titles(config, queries, titles)
    metrics = {
        "name": config.name,
        "measures": [shown_name(measure) for measure in parse_measures(config.evaluate.measures)],
        "queries": {
            "test": len(queries),
            "without_gold": sum(not query.passages for query in queries),
            "without_answers": sum(not query.answers for query in queries),
        },
        "systems": measured,
        "answers": _measure_answers(queries, answers),
    }
    lines = [json.dumps(_per_query(query, levels, titles, answers), ensure_ascii=False) for query in queries]
    write_text(run_dir / EVALUATE / "per_query.jsonl", "".join(f"{line}\n" for line in lines))
    qrels = [f"{query.id} 0 {passage} 1\n" for query in queries for passage in query.passages]
    write_text(run_dir / EVALUATE / "qrels.trec", "".join(qrels))
    write_json(run_dir / EVALUATE / "metrics.json", metrics)
    return {
        "queries": len(queries),
        "without_gold": metrics["queries"]["without_gold"],
        "without_prediction": measured[SELF_RETRIEVAL]["missing_predictions"],
        "systems": len(systems),
    }


def _levels(rankings: Rankings, document_of: dict[str, str]) -> Levels:
    documents = {query: rank_documents(passages, document_of) for query, passages in rankings.items()}
    return {"passage": rankings, "document": documents}


def _measure(config: Config, queries: list[JudgedQuery], levels: Levels) -> dict[str, Any]:
    """Return level -> measure -> mean of one system, and how many queries it has no prediction for."""
    measures = parse_measures(config.evaluate.measures)
    gold = {
        "passage": {query.id: query.passages for query in queries},
        "document": {query.id: query.documents for query in queries},
    }
    measured: dict[str, Any] = {}
    for level, rankings in levels.items():
        scores = score_queries(measures, gold[level], rankings)
        measured[level] = {name: mean(values) for name, values in scores.items()}
    measured["missing_predictions"] = sum(not levels["passage"].get(query.id) for query in queries)
    return measured


def _measure_titles(config: Config, queries: list[JudgedQuery], titles: Rankings) -> dict[str, float]:
    """Return the shares of queries whose gold title was generated first, and at all."""
    measures = parse_measures(f"Success@{cutoff}" for cutoff in sorted({1, config.retrieve.titles}))
    scores = score_queries(measures, {query.id: query.titles for query in queries}, titles)
    return {name: mean(values) for name, values in scores.items()}


def _measure_answers(queries: list[JudgedQuery], answers: dict[str, str]) -> dict[str, Any]:
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


def _per_query(query: JudgedQuery, levels: dict[str, Levels], titles: Rankings, answers: dict[str, str]) -> dict:
    gold = {"passage": query.passages, "document": query.documents}
    answer = answers.get(query.id)
    return {
        "query": query.id,
        "text": query.text,
        "gold": {**gold, "title": query.titles, "answer": query.answers},
        "rank": {
            system: {level: first_rank(rankings.get(query.id, ()), gold[level]) for level, rankings in by_level.items()}
            for system, by_level in levels.items()
        },
        "title_rank": first_rank(titles.get(query.id, ()), query.titles),
        "answer": answer,
        "em": exact_match(answer, query.answers) if query.answers else None,
        "f1": f1(answer, query.answers) if query.answers else None,
    }
