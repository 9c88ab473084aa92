"""Stage `baselines`: passages/ titles/ queries/ -> baselines/<system>/run.trec, each system a stage of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srdist.baselines.bm25 import rank_with_bm25
from srdist.baselines.passages import Question, read_passages, read_questions
from srdist.config.baselines import Baseline
from srdist.config.schema import Config
from srdist.progress import progress_bar
from srdist.storage.corpus import verified_corpus
from srdist.storage.manifest import Manifest, manifest_path, verified_inputs
from srdist.storage.models import is_folder, model_files
from srdist.storage.runs import write_run
from srdist.storage.stage import Stage, input_digests
from srdist.storage.tables import PASSAGES, QUERIES, TITLES

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BASELINES = "baselines"
TOP_K = 100
"""Passages of a query in a baseline's run."""
SYSTEM_NAMES: dict[Baseline, str] = {"bm25": "BM25", "dense": "Dense", "dense_finetuned": "Dense, fine-tuned"}
"""key in the config -> name in tables"""

Ranking = list[tuple[str, float]]


def baselines(config: Config, *, overwrite: bool = False) -> Manifest:
    """Rank all passages for the test queries with every system of `baselines.systems`; write a TREC run of each.

    A system that was added to the config does not make the others run again.

    Raises:
        UserError: `prepare` has not finished, a system's packages or model are not there, or the run's folder holds
            something made differently.
    """
    manifests = {
        system: _system_stage(config, system).run(partial(_WORK[system], config), overwrite=overwrite)
        for system in config.baselines.systems
    }
    stage = Stage(
        config.run_dir,
        BASELINES,
        settings={"systems": list(config.baselines.systems)},
        inputs={system: manifest.digest() for system, manifest in manifests.items()},
        outputs=(),
    )
    first = next(iter(manifests.values()))
    return stage.run(lambda: {**first.counts, "systems": len(manifests)}, overwrite=True)


def check_baselines(config: Config) -> None:
    """Refuse a baseline whose packages or local model are not there; those that have finished need none.

    Raises:
        UserError: names what is missing.
    """
    waiting = [s for s in config.baselines.systems if not manifest_path(config.run_dir, _stage_name(s)).exists()]
    if set(waiting) - {"bm25"}:
        from srdist.baselines.dense import check_encoder

        check_encoder(config.baselines.dense.model)


def baseline_inputs(config: Config) -> dict[str, str]:
    """Return the digest of every baseline's files, for the stages that read them.

    Raises:
        UserError: a baseline has not finished, or its files changed.
    """
    inputs: dict[str, str] = {}
    for system in config.baselines.systems:
        inputs |= verified_inputs(config.run_dir, _stage_name(system), f"{BASELINES}/{system}")
    return inputs


def run_path(run_dir: Path, system: str) -> Path:
    """Return the TREC run of a baseline."""
    return run_dir / BASELINES / system / "run.trec"


def _stage_name(system: str) -> str:
    return f"{BASELINES}.{system}"


def _system_stage(config: Config, system: Baseline) -> Stage:
    settings: dict[str, Any] = {"top_k": TOP_K}
    inputs = verified_corpus(config.run_dir, PASSAGES, TITLES) | verified_inputs(config.run_dir, "prepare", QUERIES)
    if system != "dense":
        settings["language"] = config.corpus.language
    if system != "bm25":
        tuning = {"epochs", "learning_rate", "hard_negatives"}
        settings["dense"] = config.baselines.dense.model_dump(
            mode="json", exclude=tuning if system == "dense" else None
        )
        model = config.baselines.dense.model
        if is_folder(model):
            settings["dense"].pop("model")
            cache = config.run_dir / "manifests" / f".{BASELINES}.{system}.json"
            inputs |= input_digests(model_files(model, "model", "baselines.dense.model"), cache)
    if system == "dense_finetuned":
        settings["seed"] = config.seed
    return Stage(
        config.run_dir,
        _stage_name(system),
        settings=settings,
        inputs=inputs,
        outputs=(f"{BASELINES}/{system}",),
        kept=(f"{BASELINES}/{system}/embeddings",),
    )


def _bm25(config: Config) -> dict[str, Any]:
    passages, queries = read_passages(config.run_dir), read_questions(config.run_dir, "test")
    texts = [query.text for query in queries]
    ranked = rank_with_bm25(passages.ids, passages.texts, texts, language=config.corpus.language, top_k=TOP_K)
    with progress_bar() as progress:
        bar = progress.add_task("BM25", total=len(queries), note=f"{len(passages.ids):,} passages")
        rankings = []
        for ranking in ranked:
            rankings.append(ranking)
            progress.advance(bar)
    return _write(config, "bm25", len(passages.ids), queries, rankings)


def _dense(config: Config) -> dict[str, Any]:
    from srdist.baselines.dense import load_encoder

    return _rank_densely(config, "dense", load_encoder(config.baselines.dense.model))


def _dense_finetuned(config: Config) -> dict[str, Any]:
    from srdist.baselines.dense import load_encoder, save_encoder
    from srdist.baselines.finetune import finetune, make_triples

    dense, model = config.baselines.dense, config.run_dir / BASELINES / "dense_finetuned" / "model"
    if not model.exists():
        encoder = load_encoder(dense.model)
        passages, questions = read_passages(config.run_dir), read_questions(config.run_dir, "train")
        triples = make_triples(passages, questions, config.corpus.language, dense, config.seed)
        finetune(encoder, passages, triples, dense, config.seed)
        save_encoder(encoder, model)
    return _rank_densely(config, "dense_finetuned", load_encoder(str(model)))


def _rank_densely(config: Config, system: Baseline, encoder: SentenceTransformer) -> dict[str, Any]:
    from srdist.baselines.dense import rank_with_encoder

    passages, queries = read_passages(config.run_dir), read_questions(config.run_dir, "test")
    rankings = rank_with_encoder(
        encoder,
        passages,
        [query.text for query in queries],
        config.baselines.dense,
        top_k=TOP_K,
        folder=config.run_dir / BASELINES / system / "embeddings",
    )
    return _write(config, system, len(passages.ids), queries, rankings)


def _write(
    config: Config, system: Baseline, passages: int, queries: list[Question], rankings: list[Ranking]
) -> dict[str, Any]:
    pairs = zip((query.id for query in queries), rankings, strict=True)
    write_run(run_path(config.run_dir, system), pairs, tag=SYSTEM_NAMES[system].replace(" ", ""))
    without = sum(not ranking for ranking in rankings)
    return {"passages": passages, "queries": len(queries), "queries_without_result": without}


_WORK: dict[Baseline, Callable[[Config], dict[str, Any]]] = {
    "bm25": _bm25,
    "dense": _dense,
    "dense_finetuned": _dense_finetuned,
}
