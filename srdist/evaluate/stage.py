"""Stage `evaluate`: runs and answers -> evaluate/metrics.json, per_query.jsonl, qrels.trec."""

from __future__ import annotations

from typing import Any

from srdist.baselines.stage import BASELINES, SYSTEM_NAMES, baseline_inputs
from srdist.config.schema import Config
from srdist.decode.batches import lines
from srdist.decode.results import RESULTS
from srdist.errors import UserError
from srdist.evaluate.answers import exact_match, f1, measure_answers
from srdist.evaluate.failures import count_failures, failure_kind
from srdist.evaluate.fusion import fuse
from srdist.evaluate.measures import (
    QueryScores,
    Rankings,
    first_rank,
    mean,
    parse_measures,
    rank_documents,
    score_queries,
    shown_name,
)
from srdist.evaluate.naming import measure_by_naming, naming_kind
from srdist.evaluate.records import (
    HYBRID,
    SELF_RETRIEVAL,
    JudgedQuery,
    documents_of,
    read_answers,
    read_judged_queries,
    read_records,
    read_systems,
)
from srdist.evaluate.summary import summarize
from srdist.storage.corpus import verified_corpus
from srdist.storage.files import write_json, write_text
from srdist.storage.manifest import Manifest, read_manifest, verified_inputs
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage
from srdist.storage.tables import PASSAGES, QUERIES

EVALUATE = "evaluate"
Levels = dict[str, Rankings]
"""`passage` and `document` -> the rankings of one system"""


def evaluate(config: Config, *, overwrite: bool = False) -> Manifest:
    """Measure Self-Retrieval and every baseline on the same test queries, and the answers.

    `evaluate/metrics.json` holds `systems` (system -> level -> measure -> mean over all test queries, its interval, the
    comparison with the baseline `against`, and how many queries have no prediction), `outcomes` (how many queries
    Self-Retrieval lost at which point), `naming` (means over passages and titles, apart for queries that have a word of
    a gold title and for those that have none), `answers` (EM and F1 over the queries with accepted answers) and the
    counts of `queries`.

    Raises:
        UserError: a measure is unknown, a stage before has not finished or was made from what has changed since, or
            there are no test queries.
    """
    parse_measures(config.evaluate.measures)
    run_dir = config.run_dir
    inputs = verified_inputs(run_dir, "prepare", QUERIES) | verified_corpus(run_dir, PASSAGES) | baseline_inputs(config)
    for name, folder in (("retrieve", "retrieve"), ("answer", "answers")):
        inputs |= verified_inputs(run_dir, name, folder)
    for name in ("retrieve", "answer", *(f"{BASELINES}.{system}" for system in config.baselines.systems)):
        _check_made_from(config, name, inputs)
    settings = {
        "name": config.name,
        "titles": _titles_retrieved(config),
        "language": config.corpus.language,
        **config.evaluate.model_dump(mode="json", exclude={"examples"}),
    }
    stage = Stage(run_dir, "evaluate", settings=settings, inputs=inputs, outputs=(EVALUATE,))
    return stage.run(lambda: _work(config), overwrite=overwrite)


def _check_made_from(config: Config, name: str, inputs: dict[str, str]) -> None:
    """Refuse a stage that was made from other queries, passages or retrievals than those measured now."""
    before = read_manifest(config.run_dir, name).inputs
    changed = sorted(key for key in before.keys() & inputs.keys() if before[key] != inputs[key])
    if changed:
        cure = f"run `srdist {name.partition('.')[0]} --overwrite` first"
        raise UserError(f"{changed[0]} changed since {name} read it", file=config.run_dir, cure=cure)


def _work(config: Config) -> dict[str, Any]:
    run_dir = config.run_dir
    queries = read_judged_queries(run_dir)
    systems = read_systems(config)
    if config.evaluate.fuse_with:
        systems[HYBRID] = _hybrid(config, systems)
    document_of = documents_of(run_dir, (p for rankings in systems.values() for ids in rankings.values() for p in ids))
    levels = {name: _levels(rankings, document_of) for name, rankings in systems.items()}
    answers = read_answers(run_dir)
    titles: dict[str, list[str]] = {}
    failures = {query.id: failure_kind(query, None) for query in queries}
    by_id = {query.id: query for query in queries}
    for record in read_records(run_dir / RESULTS):  # one at a time: a line has some 50 kB
        titles[record["query"]] = [title["title"] for title in record["titles"]]
        failures[record["query"]] = failure_kind(by_id[record["query"]], record)
    kinds = {query.id: naming_kind(query, config.corpus.language) for query in queries}

    scores = {name: _scores(config, queries, by_level) for name, by_level in levels.items()}
    measured = summarize(scores, SYSTEM_NAMES[config.evaluate.against], config.evaluate)
    for name, system in measured.items():
        system["missing_predictions"] = sum(not systems[name].get(query.id) for query in queries)
    title_scores = _title_scores(config, queries, titles)
    measured[SELF_RETRIEVAL]["title"] = {name: mean(values) for name, values in title_scores.items()}
    passage_scores = {name: by_level["passage"] for name, by_level in scores.items()}
    metrics = {
        "name": config.name,
        "measures": [shown_name(measure) for measure in parse_measures(config.evaluate.measures)],
        "against": SYSTEM_NAMES[config.evaluate.against],
        "queries": {
            "test": len(queries),
            "without_gold": sum(not query.passages for query in queries),
            "without_answers": sum(not query.answers for query in queries),
        },
        "systems": measured,
        "outcomes": count_failures(failures.values()),
        "naming": measure_by_naming(kinds, passage_scores, title_scores),
        "answers": measure_answers(queries, answers),
    }
    records = (
        _per_query(query, levels, titles, answers) | {"outcome": failures[query.id], "naming": kinds[query.id]}
        for query in queries
    )
    write_text(run_dir / EVALUATE / "per_query.jsonl", lines(records))
    qrels = [f"{query.id} 0 {passage} 1\n" for query in queries for passage in query.passages]
    write_text(run_dir / EVALUATE / "qrels.trec", "".join(qrels))
    write_json(run_dir / EVALUATE / "metrics.json", metrics)
    return {
        "queries": len(queries),
        "without_gold": metrics["queries"]["without_gold"],
        "without_prediction": measured[SELF_RETRIEVAL]["missing_predictions"],
        "systems": len(systems),
    }


def _hybrid(config: Config, systems: dict[str, Rankings]) -> Rankings:
    """Fuse Self-Retrieval with a baseline and write the run: evaluate/hybrid.trec."""
    evaluate = config.evaluate
    parts = [systems[SELF_RETRIEVAL], systems[SYSTEM_NAMES[evaluate.fuse_with]]]
    fused = fuse(parts, evaluate.fusion_k, config.retrieve.top_k)
    write_run(config.run_dir / EVALUATE / "hybrid.trec", fused.items(), HYBRID)
    return {query: [passage for passage, _ in ranking] for query, ranking in fused.items()}


def _levels(rankings: Rankings, document_of: dict[str, str]) -> Levels:
    documents = {query: rank_documents(passages, document_of) for query, passages in rankings.items()}
    return {"passage": rankings, "document": documents}


def _scores(config: Config, queries: list[JudgedQuery], levels: Levels) -> dict[str, QueryScores]:
    """Return level -> measure -> query id -> value of one system."""
    measures = parse_measures(config.evaluate.measures)
    gold = {
        "passage": {query.id: query.passages for query in queries},
        "document": {query.id: query.documents for query in queries},
    }
    return {level: score_queries(measures, gold[level], rankings) for level, rankings in levels.items()}


def _titles_retrieved(config: Config) -> int:
    return read_manifest(config.run_dir, "retrieve").settings["retrieve"]["titles"]


def _title_scores(config: Config, queries: list[JudgedQuery], titles: Rankings) -> QueryScores:
    """Tell of each query whether a gold title was generated first, and at all."""
    measures = parse_measures(f"Success@{cutoff}" for cutoff in sorted({1, _titles_retrieved(config)}))
    return score_queries(measures, {query.id: query.titles for query in queries}, titles)


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
