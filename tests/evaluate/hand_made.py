"""A run's folder made by hand, small enough to compute every measure with a pencil."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.config.retrieve import RetrieveConfig
from srdist.config.schema import Config
from srdist.storage.manifest import Manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.runs import write_run
from srdist.storage.tables import PASSAGES, QUERIES, TITLES, passages_schema, queries_schema, titles_schema

TITLES_AND_PASSAGES = (
    [("the nile", [("nile-0", "nile", "The Nile floods."), ("nile-1", "nile", "The longest river is the Nile.")])],
    [
        ("blue whale", [("whale-0", "whale", "The largest animal is the blue whale.")]),
        ("mount everest", [("everest-0", "everest", "The highest mountain is Mount Everest in Nepal.")]),
    ],
)
"""partition -> (title, its passages: id, document, text)"""

QUERIES_OF_RUN = (
    ("river", "which river is longest", "test", ["Nile"], ["nile"], ["nile-1"], ["the nile"]),
    (
        "animal",
        "which animal <script>alert(1)</script> is big",
        "test",
        ["whale"],
        ["whale"],
        ["whale-0"],
        ["blue whale"],
    ),
    ("peak", "which mountain is highest", "test", ["Everest"], ["everest"], ["everest-0"], ["mount everest"]),
    ("lost", "where has the gold gone", "test", [], [], [], []),
    ("learnt", "which river floods", "train", ["Nile"], ["nile"], ["nile-0"], ["the nile"]),
)

SELF_RETRIEVAL_RUN = {"river": ["nile-0", "nile-1"], "animal": ["whale-0", "everest-0"], "lost": ["nile-0"]}
BM25_RUN = {
    "river": ["nile-1", "nile-0"],
    "animal": ["everest-0", "whale-0"],
    "peak": ["everest-0"],
    "lost": ["whale-0"],
}
TITLE_LOGPROBS = {"the nile": -0.25, "blue whale": -1.5, "mount everest": -0.5}
SCORES = {
    "passage_logprob": -0.5,
    "rejection": 0.125,
    "acceptance": 0.875,
    "query_logprob": None,
    "title_score": 0.5,
    "passage_score": 0.25,
    "score": 0.125,
}
ANSWERS = {"river": "The Nile.", "animal": "blue whale", "lost": "nowhere"}


def make_config(folder: Path, **sections: Any) -> Config:
    """Return a config whose run lies in `folder`; its input files need not be there."""
    sections = {"corpus": {"documents": [{"format": "jsonl", "path": "documents.jsonl"}]}, **sections}
    return Config.model_validate(
        {
            "name": "hand-made",
            "output": folder,
            "model": {"base": "/models/tiny"},
            "train": {"deepspeed": "z.json"},
            **sections,
        }
    )


def make_prepared(folder: Path) -> None:
    """Write titles/, passages/, queries/ and the manifest of `prepare`."""
    for number, titled in enumerate(TITLES_AND_PASSAGES):
        titles, passages = _rows(titled)
        _write(folder / TITLES, number, titles, titles_schema(np.dtype(np.uint16)))
        _write(folder / PASSAGES, number, passages, passages_schema())
    names = queries_schema().names
    queries = [dict(zip(names, query, strict=True)) for query in QUERIES_OF_RUN]
    schema = queries_schema()
    write_partition(partition_path(folder / QUERIES, 0, 1), [pa.Table.from_pylist(queries, schema=schema)], schema)
    _finish(folder, "prepare", (TITLES, PASSAGES, QUERIES), {"documents": 3, "passages": 4, "tokens": 30})


def make_run(folder: Path, answers: dict[str, str] = ANSWERS) -> None:
    """Write what the stages that `evaluate` reads leave."""
    make_prepared(folder)
    texts = {row[0]: (title, *row[1:]) for part in TITLES_AND_PASSAGES for title, rows in part for row in rows}
    results = [_result(query, ranking, texts) for query, ranking in SELF_RETRIEVAL_RUN.items()]
    answered = [{"query": query, "answer": answer, "passage": "nile-0"} for query, answer in answers.items()]
    write_lines(folder / "retrieve" / "results.jsonl", results)
    write_lines(folder / "answers" / "answers.jsonl", answered)
    _write_run(folder / "retrieve" / "run.trec", SELF_RETRIEVAL_RUN)
    _finish(folder, "retrieve", ("retrieve",), {"queries": 4, "decoding_seconds": 5.0})
    _finish(folder, "answer", ("answers",))
    add_baseline(folder, "bm25", BM25_RUN)
    _finish(folder, "baselines", ())


def make_trained(folder: Path) -> None:
    """Write what `index` and `train` leave for the report."""
    records = [
        {"step": step, "phase": "mixture", "loss": 2 / step, "loss_indexing": 3 / step, "tokens": 100 * step}
        for step in range(1, 101)
    ]
    write_lines(folder / "train" / "metrics.jsonl", records)
    _finish(folder, "index", (), {"titles": 3, "bytes_per_passage": 7.25})
    _finish(folder, "train", ("train",), {"steps": 100})


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Write a JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def _rows(titled: list[tuple[str, list[tuple[str, str, str]]]]) -> tuple[list[dict], list[dict]]:
    titles: list[dict] = []
    passages: list[dict] = []
    for title, members in titled:
        titles.append({"title": title, "tokens": [1], "first_passage": len(passages), "passages": len(members)})
        for identifier, document, text in members:
            row = {"id": identifier, "document": document, "title": len(titles) - 1, "text": text}
            passages.append({**row, "paragraph": 0, "sentences": [0]})
    return titles, passages


def _result(query: str, ranking: list[str], texts: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
    generated = sorted({texts[passage][0] for passage in ranking}, key=lambda title: -TITLE_LOGPROBS[title])
    titles = [
        {
            "title": title,
            "logprob": TITLE_LOGPROBS[title],
            "score": 0.5,
            "passages": [passage for passage in ranking if texts[passage][0] == title],
        }
        for title in generated
    ]
    candidates = [_candidate(passage, *texts[passage]) for passage in ranking]
    counts = {"assessed": len(candidates), "skipped": 0, "expansions": 0}
    return {"query": query, "text": query, "candidates": candidates, "titles": titles, "missed_titles": [], **counts}


def _candidate(passage: str, title: str, document: str, text: str) -> dict[str, Any]:
    scores = SCORES | {"title_logprob": TITLE_LOGPROBS[title]}
    return {"passage_id": passage, "document": document, "title": title, "text": text, **scores}


def _write(folder: Path, number: int, rows: list[dict], schema: pa.Schema) -> None:
    path = partition_path(folder, number, len(TITLES_AND_PASSAGES))
    write_partition(path, [pa.Table.from_pylist(rows, schema=schema)], schema)


def add_baseline(folder: Path, system: str, run: dict[str, list[str]]) -> None:
    """Write what another baseline leaves."""
    _write_run(folder / "baselines" / system / "run.trec", run)
    _finish(folder, f"baselines.{system}", (f"baselines/{system}",))


def _write_run(path: Path, run: dict[str, list[str]]) -> None:
    rankings = ((query, [(passage, 1 / rank) for rank, passage in enumerate(ids, 1)]) for query, ids in run.items())
    write_run(path, rankings, tag="test")


def _finish(folder: Path, stage: str, outputs: tuple[str, ...], counts: dict[str, Any] | None = None) -> None:
    settings = {"retrieve": {"titles": RetrieveConfig().titles}} if stage == "retrieve" else {}
    write_manifest(folder, Manifest(stage, settings, {}, counts=counts or {}, seconds=90.0), outputs)
