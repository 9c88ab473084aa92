"""Stage `prepare`: corpus files -> titles/ passages/ tokens/ queries/ mixture/."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from srdist.cluster.ray import ray_cluster, run_tasks
from srdist.config.paths import locate
from srdist.config.schema import Config
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.missing_gold import check_gold
from srdist.corpus.read import read_queries
from srdist.corpus.records import Query
from srdist.errors import UserError
from srdist.prepare.gold import ResolvedQuery, find_gold, resolve
from srdist.prepare.held_out import hold_out, write_held_out
from srdist.prepare.length import check_length
from srdist.prepare.mixture import write_mixture
from srdist.prepare.shuffle import WORK, write_chunks, write_partitions
from srdist.progress import console
from srdist.storage.manifest import Manifest
from srdist.storage.models import is_folder, model_files
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.stage import Stage, input_digests
from srdist.storage.tables import MIXTURE, PASSAGES, QUERIES, TITLES, TOKENS, queries_schema

QUARANTINE, MISSING_GOLD = "quarantine.jsonl", "missing_gold.tsv"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model")


def prepare(config: Config, *, overwrite: bool = False) -> Manifest:
    """Split, tokenize and shard the corpus, resolve the queries' gold, write the mixture.

    Raises:
        UserError: bad input, or the run's folder holds something made differently.
    """
    return prepare_stage(config).run(lambda: _work(config), overwrite=overwrite)


def prepare_stage(config: Config) -> Stage:
    """Return the stage; raise UserError where a file that it reads is not there."""
    return Stage(
        config.run_dir,
        "prepare",
        settings=prepare_settings(config),
        inputs=_inputs(config),
        outputs=(TITLES, PASSAGES, TOKENS, QUERIES, MIXTURE, QUARANTINE, MISSING_GOLD),
        kept=(WORK,),
    )


def prepare_settings(config: Config) -> dict[str, Any]:
    """Return the part of the config that the tables and the mixture depend on."""
    settings = config.model_dump(mode="json", include={"corpus", "templates", "prepare", "mixture", "seed"})
    for source in (*settings["corpus"]["documents"], *settings["corpus"]["queries"]):
        source.pop("path")
        source.pop("qrels", None)
    for section, key in ((settings["corpus"]["titles"], "model"), (settings["mixture"]["views"], "question_model")):
        if section[key] and is_folder(section[key]):
            section[key] = None  # its files are inputs, wherever they lie
    if not config.mixture.questions:
        settings["mixture"]["views"].pop("question_batch_tokens")
    return settings


def _inputs(config: Config) -> dict[str, str]:
    paths = {}
    for number, source in enumerate(config.corpus.documents):
        paths[f"corpus.documents.{number}"] = locate(source.path)
    for number, source in enumerate(config.corpus.queries):
        paths[f"corpus.queries.{number}"] = locate(source.path)
        if source.qrels:
            paths[f"corpus.queries.{number}.qrels"] = locate(source.qrels)
    if config.corpus.titles.model:
        paths |= model_files(config.corpus.titles.model, "title_model", "corpus.titles.model")
    if config.mixture.views.question_model and config.mixture.questions:
        paths |= model_files(config.mixture.views.question_model, "question_model", "mixture.views.question_model")
    files = tokenizer_files(config)
    digests = input_digests(paths | files, config.run_dir / "manifests" / ".inputs.json")
    return digests if files else digests | {"tokenizer": config.model.base}


def tokenizer_files(config: Config) -> dict[str, Path]:
    """Return name in the manifest -> file, of the tokenizer; none where it comes from the hub."""
    base = Path(config.model.base)
    return {f"tokenizer/{name}": base / name for name in TOKENIZER_FILES if (base / name).exists()}


def _work(config: Config) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    check_gold(config.corpus, config.run_dir / MISSING_GOLD)
    with BadRecords(config.corpus.on_bad_record, config.run_dir / QUARANTINE) as bad, ray_cluster(config.cluster):
        queries = list(read_queries(config.corpus, bad))
        _check_training_queries(config, queries)
        counts.update(write_partitions(config, write_chunks(config, bad, counts)))
        resolved = _write_queries(config, queries)
        check_length(config, config.run_dir)
        counts.update(write_mixture(config, resolved) + write_held_out(config, resolved))
        counts["bad_records"] = bad.count
    for split in ("train", "validation", "test"):
        counts[f"{split}_queries"] = sum(query.query.split == split for query in resolved)
    counts["queries_without_gold"] = sum(not query.judged for query in resolved)
    return dict(counts)


def _check_training_queries(config: Config, queries: list[Query]) -> None:
    tasks = ("retrievals", "positives", "negatives", "writings")
    asking = [
        f"{task} of phase {phase.name}" for phase in config.mixture.phases for task in tasks if getattr(phase, task)
    ]
    if asking and not any(query.split == "train" for query in queries):
        what = f"{asking[0]} are made of training queries, and there are none"
        cure = "give a source of corpus.queries `split: train` or `hash`, or set the phases' numbers of them to 0"
        raise UserError(what, cure=cure)


def _write_queries(config: Config, queries: list[Query]) -> list[ResolvedQuery]:
    """Find every query's gold passages and write the table of queries."""
    import ray

    partitions, shared = config.prepare.partitions, ray.put(queries)
    lowercase = config.corpus.titles.lowercase
    arguments = ((config.run_dir, index, partitions, shared, lowercase) for index in range(partitions))
    resolved = resolve(queries, itertools.chain.from_iterable(found for _, found in run_tasks(find_gold, arguments)))
    _check_gold(config, resolved)
    resolved = hold_out(resolved, config)
    rows = [
        {
            "id": query.query.id,
            "text": query.query.text,
            "split": query.query.split,
            "answers": query.query.answers,
            "gold_documents": list(dict.fromkeys(passage.document for passage in query.judged)),
            "gold_passages": [passage.id for passage in query.passages],
            "gold_titles": list(dict.fromkeys(passage.title for passage in query.passages)),
        }
        for query in resolved
    ]
    table = pa.Table.from_pylist(rows, schema=queries_schema())
    write_partition(partition_path(config.run_dir / QUERIES, 0, 1), [table], table.schema)
    return resolved


def _check_gold(config: Config, resolved: list[ResolvedQuery]) -> None:
    if config.corpus.sample:  # which leaves out gold of training queries, never of test queries
        resolved = [query for query in resolved if query.query.split == "test"]
    missing = [query.query.id for query in resolved if not query.judged]
    if not missing:
        return
    what = f"{len(missing)} of {len(resolved)} queries have no gold passage in the corpus: {', '.join(missing[:5])} ..."
    if len(missing) > config.corpus.max_missing_gold * len(resolved):
        raise UserError(what, cure="check the queries' ids, or raise corpus.max_missing_gold")
    console.print(what, markup=False)
