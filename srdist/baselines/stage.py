"""Stage `baselines`: passages/ titles/ queries/ -> baselines/bm25.trec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srdist.baselines.bm25 import rank_with_bm25
from srdist.config.schema import Config
from srdist.progress import progress_bar
from srdist.storage.manifest import Manifest, verified_inputs
from srdist.storage.partitions import open_partitions
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage
from srdist.storage.tables import PASSAGES, QUERIES, TITLES, read_test_queries

BASELINES = "baselines"
TOP_K = 100
"""Passages of a query in a baseline's run."""


def baselines(config: Config, *, overwrite: bool = False) -> Manifest:
    """Rank all passages for the test queries with BM25 and write a TREC run.

    Raises:
        UserError: `prepare` has not finished, or the run's folder holds something made differently.
    """
    stage = Stage(
        config.run_dir,
        "baselines",
        settings={"language": config.corpus.language, "top_k": TOP_K},
        inputs=verified_inputs(config.run_dir, "prepare", PASSAGES, TITLES, QUERIES),
        outputs=(BASELINES,),
    )
    return stage.run(lambda: _work(config), overwrite=overwrite)


def _work(config: Config) -> dict[str, Any]:
    ids, texts = _titled_passages(config.run_dir)
    queries = [(row["id"], row["text"]) for row in read_test_queries(config.run_dir)]
    rankings: list[tuple[str, list[tuple[str, float]]]] = []
    with progress_bar() as progress:
        bar = progress.add_task("BM25", total=len(queries), note=f"{len(ids):,} passages")
        questions = [text for _, text in queries]
        ranked = rank_with_bm25(ids, texts, questions, language=config.corpus.language, top_k=TOP_K)
        for (query, _), ranking in zip(queries, ranked, strict=True):
            rankings.append((query, ranking))
            progress.update(bar, advance=1)
    write_run(config.run_dir / BASELINES / "bm25.trec", rankings, tag="BM25")
    without = sum(not ranking for _, ranking in rankings)
    return {"passages": len(ids), "queries": len(queries), "queries_without_result": without}


def _titled_passages(run_dir: Path) -> tuple[list[str], list[str]]:
    """Return the ids of all passages and their texts with the title in front."""
    ids: list[str] = []
    texts: list[str] = []
    for titles, passages in zip(open_partitions(run_dir / TITLES), open_partitions(run_dir / PASSAGES), strict=True):
        ids += passages["id"].to_pylist()
        title_of = titles["title"].take(passages["title"]).to_pylist()
        texts += [f"{title} {text}" for title, text in zip(title_of, passages["text"].to_pylist(), strict=True)]
    return ids, texts
