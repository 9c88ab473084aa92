"""The stages `retrieve` and `answer`: all test queries of a run, over all workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srdist.config import Config
from srdist.config.schema import WITHOUT_INFLUENCE
from srdist.decode import decoding
from srdist.decode.batches import BatchFiles, Record, lines, longest_first
from srdist.decode.evaluator import run_batches
from srdist.decode.results import RESULTS, RUN, read_results
from srdist.decode.shards import retrieve_by_shards
from srdist.storage.corpus import verified_corpus
from srdist.storage.files import write_text, written_aside
from srdist.storage.manifest import Manifest, verified_inputs
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage
from srdist.storage.tables import MODEL, PASSAGES, QUERIES, TITLES, TOKENS, TRIE, read_test_queries

RETRIEVE, ANSWERS = "retrieve", "answers"
BATCHES, ANSWER_BATCHES = f"{RETRIEVE}/batches", f"{ANSWERS}/batches"
ANSWER_FILE = f"{ANSWERS}/answers.jsonl"
RETRIEVE_TIMES, ANSWER_TIMES = "times/retrieve.jsonl", "times/answer.jsonl"
"""One line a batch: `queries` in it, `seconds`, how many passages were `assessed` and `skipped`; not the same twice."""


def retrieve(config: Config, *, overwrite: bool = False) -> Manifest:
    """Retrieve for all test queries: `retrieve/results.jsonl`, one query a line, and `retrieve/run.trec`.

    Every batch is written as soon as it is finished; a killed stage goes on with the others.

    Raises:
        UserError: an earlier stage is missing, or a query does not fit into the model's context.
    """
    settings = {
        "name": config.name,
        "model": {"dtype": config.model.dtype, "attention": config.model.attention},
        "templates": config.templates.model_dump(mode="json"),
        "retrieve": config.retrieve.model_dump(mode="json", exclude={*WITHOUT_INFLUENCE["retrieve"], "answer_tokens"}),
    }
    inputs = verified_inputs(config.run_dir, "train", MODEL) | verified_inputs(config.run_dir, "prepare", QUERIES)
    inputs |= verified_corpus(config.run_dir, TRIE, TOKENS, TITLES, PASSAGES)
    outputs = (RETRIEVE, RETRIEVE_TIMES)
    stage = Stage(config.run_dir, "retrieve", settings, inputs, outputs, kept=(BATCHES,))
    return stage.run(lambda: _retrieve_all(config, stage), overwrite=overwrite)


def answer(config: Config, *, overwrite: bool = False) -> Manifest:
    """Answer all test queries from their best passages: `answers/answers.jsonl`, one query a line.

    Raises:
        UserError: the stage `retrieve` has not finished.
    """
    inputs = {
        **verified_inputs(config.run_dir, "retrieve", RETRIEVE),
        **verified_inputs(config.run_dir, "train", MODEL),
    }
    settings = {
        "model": {"dtype": config.model.dtype, "attention": config.model.attention},
        **config.model_dump(
            mode="json", include={"templates": True, "retrieve": {"answer_tokens", "batch_queries", "threads"}}
        ),
    }
    outputs = (ANSWERS, ANSWER_TIMES)
    stage = Stage(config.run_dir, "answer", settings, inputs, outputs, kept=(ANSWER_BATCHES,))
    return stage.run(lambda: _answer_all(config, stage), overwrite=overwrite)


def _retrieve_all(config: Config, stage: Stage) -> dict[str, Any]:
    """Write the results and the run, without times: the same work gives the same bytes."""
    run_dir = config.run_dir
    queries = [decoding.Query(row["id"], row["text"], row["gold_titles"]) for row in read_test_queries(run_dir)]
    batches = longest_first([query.text for query in queries], config.retrieve.batch_queries)
    items = [[queries[index] for index in batch] for batch in batches]
    files = BatchFiles(run_dir / BATCHES, _work(stage, [query.id for query in queries]))
    check = decoding.check_queries
    if config.retrieve.shards > 1:
        facts = retrieve_by_shards(config, items, files, check)
    else:
        facts = run_batches(config, "retrieve", [(batch,) for batch in items], decoding.retrieve, files, check)
    _write_lines(run_dir / RESULTS, files.in_order(batches))
    write_run(run_dir / RUN, _rankings(run_dir), config.name)
    return {**_counts(run_dir), **_times(run_dir / RETRIEVE_TIMES, facts)}


def _answer_all(config: Config, stage: Stage) -> dict[str, Any]:
    run_dir = config.run_dir
    found = [(query, replace(r, candidates=r.candidates[:1], titles=())) for query, r in read_results(run_dir)]
    texts = [r.query + (r.candidates[0].text if r.candidates else "") for _, r in found]
    batches = longest_first(texts, config.retrieve.batch_queries)
    files = BatchFiles(run_dir / ANSWER_BATCHES, _work(stage, [query for query, _ in found]))
    items = [([found[index] for index in batch],) for batch in batches]
    facts = run_batches(config, "answer", items, decoding.answer, files)
    _write_lines(run_dir / ANSWER_FILE, files.in_order(batches))
    _times(run_dir / ANSWER_TIMES, facts)
    with open(run_dir / ANSWER_FILE, encoding="utf-8") as file:
        return {"queries": len(found), "answers": sum(bool(json.loads(line)["answer"]) for line in file)}


def _work(stage: Stage, queries: list[str]) -> str:
    """Return a digest of everything that the stage's records depend on."""
    return hashlib.sha256(json.dumps([stage.settings, stage.inputs, queries], sort_keys=True).encode()).hexdigest()


def _write_lines(path: Path, found: Iterable[str]) -> None:
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.writelines(found)


def _rankings(run_dir: Path) -> Iterable[tuple[str, list[tuple[str, float]]]]:
    for query, retrieval in read_results(run_dir):
        yield query, [(candidate.passage_id, candidate.score) for candidate in retrieval.candidates]


def _counts(run_dir: Path) -> dict[str, int]:
    counts = dict.fromkeys(("queries", "queries_without_candidates", "candidates", "assessed", "skipped"), 0)
    for _, retrieval in read_results(run_dir):
        counts["queries"] += 1
        counts["queries_without_candidates"] += not retrieval.candidates
        counts["candidates"] += len(retrieval.candidates)
        counts["assessed"] += retrieval.assessed
        counts["skipped"] += retrieval.skipped
    return counts


def _times(path: Path, facts: list[Record]) -> dict[str, float]:
    """Write what is known about each batch; return the seconds of all, a query's latency and a replica's memory."""
    write_text(path, lines(facts))
    latencies = [1000 * fact["seconds"] / fact["queries"] for fact in facts for _ in range(fact["queries"])]
    median, high = np.percentile(latencies, (50, 95)) if latencies else (0.0, 0.0)
    return {
        "decoding_seconds": round(sum(fact["seconds"] for fact in facts), 3),
        "latency_p50_ms": round(float(median), 2),
        "latency_p95_ms": round(float(high), 2),
        "memory_mb": max((fact["memory_mb"] for fact in facts), default=0.0),
    }
