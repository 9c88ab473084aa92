"""Stage `report`: everything a run has made -> report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from srdist.config.schema import WITHOUT_INFLUENCE, Config
from srdist.evaluate.failures import KINDS
from srdist.evaluate.naming import NAMING
from srdist.evaluate.records import read_records
from srdist.evaluate.table import LEVELS, MARK, SIGNIFICANT, best_values, differs, read_metrics, systems_in_order
from srdist.report.examples import read_examples
from srdist.report.figures import duration, figure, signed
from srdist.report.templates import page_templates
from srdist.report.training import describe_training
from srdist.storage.corpus import corpus_counts
from srdist.storage.files import sha256, write_text
from srdist.storage.manifest import Manifest, manifest_path, read_manifest
from srdist.storage.stage import Stage

REPORT = "report.html"
STAGES = ("prepare", "index", "train", "retrieve", "answer", "baselines", "evaluate")
"""Stages that the page tells of, in the order they run."""


def report(config: Config, *, overwrite: bool = False) -> Manifest:
    """Write one self-contained HTML page about the run.

    Raises:
        UserError: a stage before has not finished, or the page was made from something else.
    """
    manifests = {name: read_manifest(config.run_dir, name) for name in STAGES}
    manifests["evaluate"].verify(config.run_dir)
    return report_stage(config).run(lambda: _work(config, manifests), overwrite=overwrite)


def is_reported(config: Config) -> bool:
    """Tell whether the page is there, made with this config from what the stages before hold now."""
    return all(manifest_path(config.run_dir, name).exists() for name in STAGES) and report_stage(config).is_done()


def report_stage(config: Config) -> Stage:
    """Return the stage; those before have finished."""
    return Stage(
        config.run_dir,
        "report",
        settings=_shown_config(config),
        inputs={name: sha256(manifest_path(config.run_dir, name)) for name in STAGES},
        outputs=(REPORT,),
    )


def _shown_config(config: Config) -> dict[str, Any]:
    return _without_folders(config.model_dump(mode="json", exclude=WITHOUT_INFLUENCE))


def _without_folders(value: Any) -> Any:
    """Cut absolute paths to the file's name: the page is the same wherever the files lie."""
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def _work(config: Config, manifests: dict[str, Manifest]) -> dict[str, Any]:
    page = render(config, manifests)
    write_text(config.run_dir / REPORT, page)
    return {"bytes": len(page.encode("utf-8"))}


def render(config: Config, manifests: dict[str, Manifest]) -> str:
    """Return the page; every text in it is escaped."""
    environment = page_templates()
    environment.filters |= {"duration": duration, "figure": figure, "signed": signed}
    metrics = read_metrics(config.run_dir)
    records = config.run_dir / "train" / "metrics.jsonl"
    return environment.get_template("page.html.jinja").render(
        name=config.name,
        model=Path(config.model.base).name,
        metrics=metrics,
        systems=systems_in_order(metrics),
        levels=LEVELS,
        differs=differs,
        kinds=KINDS,
        naming_kinds=NAMING,
        mark=MARK,
        significant=SIGNIFICANT,
        best={level: best_values(metrics, level) for level in LEVELS},
        training=describe_training(read_records(records) if records.exists() else []),
        score=config.retrieve.score,
        corpus=_corpus_facts(config.run_dir, manifests),
        stages={name: manifest.seconds for name, manifest in manifests.items()},
        examples=read_examples(config.run_dir, config.evaluate.examples),
        config=yaml.safe_dump(_shown_config(config), sort_keys=False, allow_unicode=True, width=100),
        versions=manifests["train"].versions,
    )


def _corpus_facts(run_dir: Path, manifests: dict[str, Manifest]) -> dict[str, str]:
    """Return label -> figure for what the manifests count."""
    corpus, retrieved = corpus_counts(run_dir), manifests["retrieve"].counts
    seconds = retrieved.get("decoding_seconds")
    wanted = (
        ("documents", corpus.get("documents")),
        ("titles", corpus.get("titles")),
        ("passages", corpus.get("passages")),
        ("tokens", corpus.get("tokens")),
        ("trie nodes", corpus.get("nodes")),
        ("trie edges", corpus.get("edges")),
        ("trie bytes", corpus.get("bytes")),
        ("trie bytes per passage", corpus.get("bytes_per_passage")),
    )
    facts = {label: figure(value) for label, value in wanted if value is not None}
    if seconds is not None and retrieved.get("queries"):
        facts["seconds per query"] = figure(seconds / retrieved["queries"], 2)
    return facts
