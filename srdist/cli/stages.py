"""The pipeline: its stages in order, where their code is, and what is shown when one has finished."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from srdist.config import Config
from srdist.config.load import save_config
from srdist.errors import UserError
from srdist.progress import console
from srdist.storage.disk import refused_writes_told
from srdist.storage.manifest import manifest_path
from srdist.tracking import track_stage

if TYPE_CHECKING:
    from srdist.storage.manifest import Manifest


OTHER_OUTPUT = "choose another `output`"


@dataclass(frozen=True)
class StageCommand:
    """A stage as the command line knows it.

    Attributes:
        name: the sub-command.
        function: `module:function`, imported when the stage runs.
        help: one line for `--help`.
        shown: counts of its manifest for the closing table.
        place: what it makes, below the run's folder.
    """

    name: str
    function: str
    help: str
    shown: tuple[str, ...]
    place: str

    def run(self, config: Config, overwrite: bool) -> Manifest:
        """Run the stage, unless it is done."""
        module, _, function = self.function.partition(":")
        return getattr(importlib.import_module(module), function)(config, overwrite=overwrite)


STAGES = (
    StageCommand(
        "prepare",
        "srdist.prepare.stage:prepare",
        "Split and tokenize the corpus, find the queries' gold passages, write the training mixture.",
        ("documents", "passages", "tokens", "train_queries", "test_queries", "bad_records"),
        "passages tokens queries mixture",
    ),
    StageCommand(
        "index",
        "srdist.trie.stage:build_index",
        "Build the constraint: the trie of titles, and under each title the trie of its passages.",
        ("titles", "nodes", "edges", "bytes_per_passage"),
        "trie",
    ),
    StageCommand(
        "train",
        "srdist.train.stage:train",
        "Train the model on the mixture with DeepSpeed ZeRO-3; continues from the newest checkpoint.",
        ("steps", "tokens", "loss"),
        "model train/metrics.jsonl",
    ),
    StageCommand(
        "retrieve",
        "srdist.decode.stage:retrieve",
        "Retrieve and rank passages for every test query.",
        ("queries", "candidates"),
        "retrieve",
    ),
    StageCommand(
        "answer",
        "srdist.decode.stage:answer",
        "Generate an answer to every test query from its best passage.",
        ("answers",),
        "answers",
    ),
    StageCommand(
        "baselines",
        "srdist.baselines.stage:baselines",
        "Rank the same passages for the same queries with BM25, and dense retrieval where the config names it.",
        ("queries",),
        "baselines",
    ),
    StageCommand(
        "evaluate",
        "srdist.evaluate.stage:evaluate",
        "Measure all systems on the test queries, side by side.",
        ("queries", "without_prediction", "without_gold"),
        "evaluate/metrics.json",
    ),
    StageCommand(
        "report",
        "srdist.report.stage:report",
        "Write the run's HTML page.",
        (),
        "report.html",
    ),
)


def run_stages(config: Config, stages: tuple[StageCommand, ...], overwrite: bool) -> None:
    """Run stages in order and close with a table of what was made and where."""
    if any(stage.name == "baselines" for stage in stages):
        from srdist.baselines.stage import check_baselines

        check_baselines(config)
    if any(stage.name == "evaluate" for stage in stages):
        from srdist.evaluate.measures import parse_measures

        parse_measures(config.evaluate.measures)
    saved = config.run_dir / "config.yaml"
    _make_folder(config.run_dir, saved)
    table = Table(
        "stage", "made", "where", "time", title=escape(f"{config.name}: {config.run_dir}"), title_justify="left"
    )
    for stage in stages:
        path = manifest_path(config.run_dir, stage.name)
        before = path.stat().st_mtime_ns if path.exists() else None
        with refused_writes_told(config.run_dir):
            manifest = stage.run(config, overwrite)
            fresh = path.stat().st_mtime_ns != before
            if fresh or not saved.exists():
                save_config(config, saved)
            track_stage(config, manifest)
        if stage.name == "prepare" and stages[-1] is not stage and not manifest.counts["test_queries"]:
            what, cure = "there are no test queries", "give a source of corpus.queries `split: test` or `split: hash`"
            raise UserError(what, cure=f"{cure}; without them run prepare, index and train alone")
        made = ", ".join(_made(stage, manifest))
        spent = f"{manifest.seconds / 60:.1f} min" if manifest.seconds >= 60 else f"{manifest.seconds:.1f} s"
        table.add_row(stage.name, made, stage.place, spent if fresh else f"[dim]done before ({spent})[/dim]")
    console.print(table)


def _make_folder(folder: Path, saved: Path) -> None:
    """Make the run's folder, and refuse one that cannot be, or whose config is not a run's."""
    try:
        manifests = manifest_path(folder, "").parent
        if saved.exists() and not manifests.exists():
            raise UserError("not the config of a run, and would be overwritten", file=saved, cure=OTHER_OUTPUT)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot make the run's folder: {reason}", file=folder, cure=OTHER_OUTPUT) from None


def _made(stage: StageCommand, manifest: Manifest) -> list[str]:
    shown = [name for name in stage.shown if name in manifest.counts]
    return [f"{name.replace('_', ' ')} {_figure(manifest.counts[name])}" for name in shown]


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
