"""The stages `retrieve` and `answer`: all test queries of a run, over all workers."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srdist.config import Config
from srdist.config.retrieve import RetrieveConfig
from srdist.config.schema import WITHOUT_INFLUENCE
from srdist.decode import decoding
from srdist.decode.batches import BatchFiles, Record, lines, longest_first
from srdist.decode.evaluator import run_batches
from srdist.decode.results import gold_retrievals, read_results
from srdist.decode.score import WITHOUT_ASSESSMENT
from srdist.decode.shards import retrieve_by_shards
from srdist.errors import UserError
from srdist.storage.corpus import verified_corpus
from srdist.storage.files import write_text, written_aside
from srdist.storage.manifest import Manifest, verified_inputs
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage
from srdist.storage.tables import MODEL, PASSAGES, QUERIES, TITLES, TOKENS, TRIE, read_queries

RETRIEVE, ANSWERS, TUNE = "retrieve", "answers", "tune"
BATCHES, TUNE_BATCHES = f"{RETRIEVE}/batches", f"{TUNE}/batches"
SCORE_FORM = ("title_margin", "score", "title_score", "tau", "delta", "normalize_assessment")
"""fields of `retrieve` that rank what was found, or leave it out"""

RETRIEVE_TIMES, TUNE_TIMES = "times/retrieve.jsonl", f"times/{TUNE}.jsonl"
"""One line a batch: `queries` in it, `seconds`, how many passages were `assessed` and `skipped`; not the same twice."""


def retrieve(config: Config, *, overwrite: bool = False) -> Manifest:
    """Retrieve for all test queries: `retrieve/results.jsonl`, one query a line, and `retrieve/run.trec`.

    Every batch is written as soon as it is finished; a killed stage goes on with the others.

    Raises:
        UserError: an earlier stage is missing, or a query does not fit into the model's context.
    """
    outputs = (RETRIEVE, RETRIEVE_TIMES)
    stage = Stage(config.run_dir, "retrieve", *_retrieve_inputs(config), outputs, kept=(BATCHES,))
    return stage.run(lambda: _retrieve_all(config, stage, "test"), overwrite=overwrite)


def retrieve_held_out(config: Config, *, overwrite: bool = False) -> Manifest:
    """Retrieve for the held-out training queries: `tune/results.jsonl`, with all candidates.

    They have what any form of the score is made of, so that it can be chosen from them; but where the config's own
    form needs no assessment, they are assessed only if `retrieve.assess` is `all`: most of the time would go there.

    Raises:
        UserError: no training query was held out, or as `retrieve`.
    """
    if not read_queries(config.run_dir, "validation"):
        what, cure = "no training query was held out", "train with mixture.held_out_queries"
        raise UserError(what, file=config.run_dir, cure=cure)
    kept = config.retrieve.model_dump(exclude={*SCORE_FORM, "assess", "top_k"})
    assess = config.retrieve.assess if config.retrieve.score in WITHOUT_ASSESSMENT else "all"
    retrieve = RetrieveConfig(**kept, score="query_likelihood", assess=assess, top_k=sys.maxsize)
    config = config.model_copy(update={"retrieve": retrieve})
    stage = Stage(config.run_dir, TUNE, *_retrieve_inputs(config), (TUNE, TUNE_TIMES), kept=(TUNE_BATCHES,))
    return stage.run(lambda: _retrieve_all(config, stage, "validation"), overwrite=overwrite)


def judge_pairs(
    config: Config, name: str, pairs: Sequence[tuple[str, str, str, str]], *, overwrite: bool = False
) -> Path:
    """Assess (id, question, title, passage), in the corpus or not; return a file with both verdicts' probabilities.

    Args:
        name: of the stage and its folder: `assess.<name>/verdicts.jsonl`, one pair a line, in their order.

    Raises:
        UserError: the model is not trained, or a pair is too long for its context.
    """
    settings = _settings(config, {"batch_queries", "threads"})
    digest = hashlib.sha256(json.dumps(list(pairs)).encode()).hexdigest()
    inputs = verified_inputs(config.run_dir, "train", MODEL) | {"pairs": digest}
    folder, times = f"assess.{name}", f"times/assess.{name}.jsonl"
    stage = Stage(config.run_dir, folder, settings, inputs, (folder, times), kept=(f"{folder}/batches",))
    verdicts = config.run_dir / folder / "verdicts.jsonl"

    def work() -> dict[str, Any]:
        texts = [question + text for _, question, _, text in pairs]
        _decode_all(config, stage, "assess", pairs, texts, decoding.judge, verdicts)
        return {"pairs": len(pairs)}

    stage.run(work, overwrite=overwrite)
    return verdicts


def _retrieve_inputs(config: Config) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings that a retrieval depends on, and the digests of its inputs."""
    settings = {
        "name": config.name,
        "model": {"dtype": config.model.dtype, "attention": config.model.attention},
        "templates": config.templates.model_dump(mode="json"),
        "retrieve": config.retrieve.model_dump(mode="json", exclude={*WITHOUT_INFLUENCE["retrieve"], "answer_tokens"}),
    }
    inputs = verified_inputs(config.run_dir, "train", MODEL) | verified_inputs(config.run_dir, "prepare", QUERIES)
    return settings, inputs | verified_corpus(config.run_dir, TRIE, TOKENS, TITLES, PASSAGES)


def answer(config: Config, *, overwrite: bool = False, source: str = "top") -> Manifest:
    """Answer all test queries: `answers/answers.jsonl`, one query a line.

    Args:
        source: `top`: from the best passage found; `gold`: from the first gold passage, into `answers.gold/`; `none`:
            without a passage, into `answers.none/`. What was retrieved does not matter to the last two.

    Raises:
        UserError: the stage `retrieve` has not finished.
    """
    run_dir, suffix = config.run_dir, "" if source == "top" else f".{source}"
    inputs = verified_inputs(run_dir, "train", MODEL)
    if source == "top":
        inputs |= verified_inputs(run_dir, "retrieve", RETRIEVE)
    else:
        inputs |= verified_inputs(run_dir, "prepare", QUERIES) | verified_corpus(run_dir, PASSAGES)
    settings = _settings(config, {"answer_tokens", "batch_queries", "threads"})
    folder = ANSWERS + suffix
    outputs = (folder, f"times/answer{suffix}.jsonl")
    stage = Stage(run_dir, f"answer{suffix}", settings, inputs, outputs, kept=(f"{folder}/batches",))
    return stage.run(lambda: _answer_all(config, stage, source), overwrite=overwrite)


def _retrieve_all(config: Config, stage: Stage, split: str) -> dict[str, Any]:
    """Write the results and the run, without times: the same work gives the same bytes."""
    run_dir, (folder, times) = config.run_dir, stage.outputs
    queries = [decoding.Query(row["id"], row["text"], row["gold_titles"]) for row in read_queries(run_dir, split)]
    at_once = config.retrieve.batch_queries * (1 if config.retrieve.shards > 1 else config.retrieve.batches_asked)
    batches = longest_first([query.text for query in queries], at_once)
    items = [[queries[index] for index in batch] for batch in batches]
    files = BatchFiles(run_dir / stage.kept[0], _work(stage, [query.id for query in queries]))
    check = functools.partial(decoding.check_queries, split=split)
    if config.retrieve.shards > 1:
        facts = retrieve_by_shards(config, items, files, check)
    else:
        facts = run_batches(config, "retrieve", [(batch,) for batch in items], decoding.retrieve, files, check)
    results = f"{folder}/results.jsonl"
    _write_lines(run_dir / results, files.in_order(batches))
    write_run(run_dir / folder / "run.trec", _rankings(run_dir, results), config.name)
    return {**_counts(run_dir, results), **_times(run_dir / times, facts)}


def _answer_all(config: Config, stage: Stage, source: str) -> dict[str, Any]:
    run_dir = config.run_dir
    if source == "top":
        found = [(query, replace(r, candidates=r.candidates[:1], titles=())) for query, r in read_results(run_dir)]
    else:
        found = list(gold_retrievals(run_dir))
    decode = decoding.answer_alone if source == "none" else decoding.answer
    texts = [r.query + (r.candidates[0].text if r.candidates else "") for _, r in found]
    answers = run_dir / stage.outputs[0] / "answers.jsonl"
    _decode_all(config, stage, "answer", found, texts, decode, answers)
    with open(answers, encoding="utf-8") as file:
        return {"queries": len(found), "answers": sum(bool(json.loads(line)["answer"]) for line in file)}


def _decode_all(
    config: Config,
    stage: Stage,
    what: str,
    items: Sequence[tuple],
    texts: Sequence[str],
    decode: Callable[..., list[Record]],
    path: Path,
) -> None:
    """Decode items, whose first member is an id, in batches of texts of about the same length; write their records."""
    batches = longest_first(texts, config.retrieve.batch_queries)
    files = BatchFiles(config.run_dir / stage.kept[0], _work(stage, [item[0] for item in items]))
    facts = run_batches(config, what, [([items[index] for index in batch],) for batch in batches], decode, files)
    _write_lines(path, files.in_order(batches))
    _times(config.run_dir / stage.outputs[1], facts)


def _settings(config: Config, retrieve: set[str]) -> dict[str, Any]:
    """Return the part of the config that a stage which only asks about given passages depends on."""
    wanted = {"model": {"dtype", "attention"}, "templates": True, "retrieve": retrieve}
    return config.model_dump(mode="json", include=wanted)


def _work(stage: Stage, queries: list[str]) -> str:
    """Return a digest of everything that the stage's records depend on."""
    return hashlib.sha256(json.dumps([stage.settings, stage.inputs, queries], sort_keys=True).encode()).hexdigest()


def _write_lines(path: Path, found: Iterable[str]) -> None:
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.writelines(found)


def _rankings(run_dir: Path, results: str) -> Iterable[tuple[str, list[tuple[str, float]]]]:
    for query, retrieval in read_results(run_dir, results):
        yield query, [(candidate.passage_id, candidate.score) for candidate in retrieval.candidates]


def _counts(run_dir: Path, results: str) -> dict[str, int]:
    counts = dict.fromkeys(("queries", "queries_without_candidates", "candidates", "assessed", "skipped"), 0)
    for _, retrieval in read_results(run_dir, results):
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
