"""The stages `retrieve` and `answer`: all test queries of a run, a batch at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srdist.config import Config
from srdist.config.schema import WITHOUT_INFLUENCE
from srdist.progress import progress_bar
from srdist.storage.files import write_text
from srdist.storage.manifest import Manifest, verified_inputs
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage
from srdist.storage.tables import MODEL, PASSAGES, QUERIES, TITLES, TOKENS, TRIE, read_test_queries

if TYPE_CHECKING:
    from srdist.decode.retriever import Retrieval, SelfRetriever

RETRIEVE, ANSWERS = "retrieve", "answers"
BATCHES, ANSWER_BATCHES = f"{RETRIEVE}/batches", f"{ANSWERS}/batches"
RESULTS, RUN, ANSWER_FILE = f"{RETRIEVE}/results.jsonl", f"{RETRIEVE}/run.trec", f"{ANSWERS}/answers.jsonl"

Query = tuple[str, str]
"""id and text"""


def retrieve(config: Config, *, overwrite: bool = False) -> Manifest:
    """Retrieve for all test queries: `retrieve/results.jsonl`, one query a line, and `retrieve/run.trec`.

    Every batch is written as soon as it is finished; a killed stage goes on after the last one.

    Raises:
        UserError: an earlier stage is missing, or a query does not fit into the model's context.
    """
    settings = {
        "name": config.name,
        "model": {"dtype": config.model.dtype},
        "templates": config.templates.model_dump(mode="json"),
        "retrieve": config.retrieve.model_dump(mode="json", exclude={*WITHOUT_INFLUENCE["retrieve"], "answer_tokens"}),
    }
    stage = Stage(config.run_dir, "retrieve", settings, _inputs(config.run_dir), (RETRIEVE,), kept=(BATCHES,))
    return stage.run(lambda: _retrieve_all(config), overwrite=overwrite)


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
        "model": {"dtype": config.model.dtype},
        **config.model_dump(mode="json", include={"templates": True, "retrieve": {"answer_tokens"}}),
    }
    stage = Stage(config.run_dir, "answer", settings, inputs, (ANSWERS,), kept=(ANSWER_BATCHES,))
    return stage.run(lambda: _answer_all(config), overwrite=overwrite)


def read_results(run_dir: Path) -> Iterator[tuple[str, Retrieval]]:
    """Read `retrieve/results.jsonl`: query id and what was found for it."""
    for record in _read_lines(run_dir / RESULTS):
        yield _from_record({"seconds": 0.0, **record})


def _test_queries(run_dir: Path) -> list[Query]:
    return [(row["id"], row["text"]) for row in read_test_queries(run_dir)]


def _inputs(run_dir: Path) -> dict[str, str]:
    made_by = {"train": [MODEL], "index": [TRIE], "prepare": [TOKENS, TITLES, PASSAGES, QUERIES]}
    inputs: dict[str, str] = {}
    for stage, folders in made_by.items():
        inputs |= verified_inputs(run_dir, stage, *folders)
    return inputs


def _load(config: Config) -> SelfRetriever:
    from srdist.decode.retriever import SelfRetriever

    return SelfRetriever.load(config.run_dir, config)


def _retrieve_all(config: Config) -> dict[str, Any]:
    """Write the results and the run, without times: the same work gives the same bytes."""
    queries = _test_queries(config.run_dir)
    records = _in_batches(config, queries, BATCHES, _retrieve_batch, lambda retriever: _check(retriever, queries))
    seconds = sum(record.pop("seconds") for record in records)
    write_text(config.run_dir / RESULTS, _lines(records))
    rankings = ((r["query"], [(c["passage_id"], c["score"]) for c in r["candidates"]]) for r in records)
    write_run(config.run_dir / RUN, rankings, config.name)
    found = sum(len(record["candidates"]) for record in records)
    without = sum(not record["candidates"] for record in records)
    counts = {"queries": len(records), "queries_without_candidates": without, "candidates": found}
    return {**counts, "decoding_seconds": round(seconds, 3)}


def _answer_all(config: Config) -> dict[str, Any]:
    records = _in_batches(config, list(read_results(config.run_dir)), ANSWER_BATCHES, _answer_batch)
    write_text(config.run_dir / ANSWER_FILE, _lines(records))
    return {"queries": len(records), "answers": sum(bool(record["answer"]) for record in records)}


def _check(retriever: SelfRetriever, queries: list[Query]) -> None:
    """Refuse a query that is too long before the first one is decoded."""
    for _, text in queries:
        retriever.prompt(text)


def _retrieve_batch(retriever: SelfRetriever, batch: list[Query]) -> list[dict[str, Any]]:
    found = retriever.search([text for _, text in batch], retriever.config.retrieve.top_k)
    return [_to_record(query, retrieval) for (query, _), retrieval in zip(batch, found, strict=True)]


def _answer_batch(retriever: SelfRetriever, batch: list[tuple[str, Retrieval]]) -> list[dict[str, Any]]:
    answers = retriever.answers([retrieval for _, retrieval in batch])
    return [
        {"query": query, "answer": text, "passage": r.candidates[0].passage_id if r.candidates else None}
        for (query, r), text in zip(batch, answers, strict=True)
    ]


def _in_batches(
    config: Config,
    items: list[Any],
    folder: str,
    work: Callable[[SelfRetriever, list[Any]], list[dict[str, Any]]],
    check: Callable[[SelfRetriever], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Turn items into one record each, a batch at a time; batches that an earlier process finished are read."""
    files = sorted((config.run_dir / folder).glob("batch-*.jsonl"))
    records = [record for path in files for record in _read_lines(path)]
    todo = list(_batches(items[len(records) :], config.retrieve.batch_queries))
    if todo:
        retriever = _load(config)
        check(retriever)
        for number, batch in enumerate(_shown(todo, folder.partition("/")[0]), start=len(files)):
            made = work(retriever, batch)
            write_text(config.run_dir / folder / f"batch-{number:05d}.jsonl", _lines(made))
            records += made
    return records


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _shown(batches: list[list[Any]], what: str) -> Iterator[list[Any]]:
    """Give the batches with a progress bar of their queries."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=sum(map(len, batches)), note="")
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _to_record(query: str, retrieval: Retrieval) -> dict[str, Any]:
    candidates = [asdict(candidate) for candidate in retrieval.candidates]
    return {"query": query, "text": retrieval.query, "candidates": candidates, "seconds": retrieval.seconds}


def _from_record(record: dict[str, Any]) -> tuple[str, Retrieval]:
    from srdist.decode.retriever import Candidate, Retrieval

    candidates = tuple(Candidate(**candidate) for candidate in record["candidates"])
    return record["query"], Retrieval(record["text"], candidates, record["seconds"])
