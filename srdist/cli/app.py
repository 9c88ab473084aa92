"""Sub-commands, their options, and how mistakes are shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from srdist import __version__
from srdist.cli.bench import bench
from srdist.cli.cluster import cancel, status, submit
from srdist.cli.index import change_and_print
from srdist.cli.plan import plan
from srdist.cli.stages import STAGES, StageCommand, run_stages
from srdist.cli.track import track
from srdist.config import Config, load_config
from srdist.config.schema import Format
from srdist.errors import UserError
from srdist.progress import console

app = typer.Typer(
    help="Train one language model to be a whole search engine: it memorises a corpus, retrieves passages by "
    "generating them under a trie, judges its own candidates and answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(bench, name="bench")
app.add_typer(track, name="track")

RunOrConfig = Annotated[
    Path, typer.Argument(metavar="CONFIG|RUN", help="the experiment's YAML file (see configs/), or a run's folder")
]
AnswerSource = Literal["top", "gold", "none"]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="override a value: --set train.learning_rate=1e-5")
]
Overwrite = Annotated[bool, typer.Option(help="make again what was made with another config")]

_debug = False


def _run(config: Config, stages: tuple[StageCommand, ...], overwrite: bool) -> None:
    try:
        run_stages(config, stages, overwrite)
    except (KeyboardInterrupt, SystemExit) as stop:
        console.print("interrupted; run the same command again to go on")
        raise typer.Exit(stop.code if isinstance(stop, SystemExit) else 130) from None


def _stage_command(stage: StageCommand) -> None:
    def command(
        config: RunOrConfig,
        set: Overrides = [],
        overwrite: Overwrite = False,
    ) -> None:
        _run(load_config(config, set), (stage,), overwrite)

    command.__doc__ = stage.help
    app.command(stage.name)(command)


def _index(
    run: RunOrConfig,
    set: Overrides = [],
    overwrite: Overwrite = False,
    add: Annotated[str | None, typer.Option(metavar="FILE", help="add the documents of this file")] = None,
    layout: Annotated[Format, typer.Option("--format", help="format of that file; see docs/data.md")] = "jsonl",
    remove: Annotated[list[str], typer.Option(metavar="ID", help="remove a document, or those of @FILE")] = [],
    compact: Annotated[bool, typer.Option("--compact", help="write tables and trie as if made afresh")] = False,
) -> None:
    config = load_config(run, set)
    if add is not None or remove or compact:
        change_and_print(config, add, layout, remove, compact)
    else:
        _run(config, tuple(stage for stage in STAGES if stage.name == "index"), overwrite)


def _answer(
    run: RunOrConfig,
    set: Overrides = [],
    overwrite: Overwrite = False,
    source: Annotated[
        AnswerSource, typer.Option("--from", help="passage to answer from: the best one found, a gold one, or none")
    ] = "top",
) -> None:
    from srdist.cli.experiments import answer_and_print

    config = load_config(run, set)
    if source == "top":
        _run(config, tuple(stage for stage in STAGES if stage.name == "answer"), overwrite)
    answer_and_print(config, source, overwrite)


for _stage in STAGES:
    if _stage.name == "index":
        app.command("index", help=f"{_stage.help} Or add and remove documents of a finished one.")(_index)
    elif _stage.name == "answer":
        app.command("answer", help=f"{_stage.help} Or from a gold one, or from none.")(_answer)
    else:
        _stage_command(_stage)


@app.command()
def run(
    config: RunOrConfig,
    set: Overrides = [],
    overwrite: Overwrite = False,
) -> None:
    """Do all stages that are not done yet: prepare, index, train, retrieve, answer, baselines, evaluate, report."""
    settings = load_config(config, set)
    _run(settings, STAGES, overwrite)
    from srdist.evaluate.table import print_metrics

    print_metrics(settings.run_dir)
    print(settings.run_dir / "report.html")


@app.command()
def study(
    config: Annotated[Path, typer.Argument(metavar="STUDY", help="the study's YAML file; see configs/study_*.yaml")],
    set: Overrides = [],
    cell: Annotated[int | None, typer.Option(min=0, help="run this one cell only: for an array of jobs")] = None,
    list_cells: Annotated[bool, typer.Option("--list", help="print the cells and whether they are finished")] = False,
    submit: Annotated[bool, typer.Option("--submit", help="make each unfinished cell a job of Slurm")] = False,
) -> None:
    """Run a grid of experiments (corpus sizes, seeds, variants) and write its tables, figures and page."""
    from srdist.cli.study import study_and_print, submit_and_print

    if submit:
        if list_cells or cell is not None:
            raise UserError("--submit takes all unfinished cells", cure="leave out --list and --cell")
        submit_and_print(config, set)
        return
    study_and_print(config, set, cell, list_cells)


@app.command()
def tune(run: RunOrConfig, set: Overrides = [], overwrite: Overwrite = False) -> None:
    """Rank what is found for held-out training queries by every form of the score; print the best ones."""
    from srdist.cli.experiments import tune_and_print

    tune_and_print(load_config(run, set), overwrite)


@app.command()
def assess(
    run: RunOrConfig,
    pairs: Annotated[Path, typer.Argument(metavar="FILE", help="SQuAD 2.0: questions, some of them impossible")],
    count: Annotated[
        int | None, typer.Option(min=2, help="take so many questions, drawn by seed; all otherwise")
    ] = None,
    set: Overrides = [],
    overwrite: Overwrite = False,
) -> None:
    """Measure how well the model rejects passages that do not answer: share rejected, ROC and its area."""
    from srdist.cli.experiments import assess_and_print

    assess_and_print(load_config(run, set), pairs, count, overwrite)


@app.command()
def search(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a finished run")],
    queries: Annotated[list[str] | None, typer.Argument(help="queries; none: they are read, one a line")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="passages shown per query")] = 3,
    answers: Annotated[bool, typer.Option("--answers/--no-answers", help="also generate an answer")] = True,
    json: Annotated[bool, typer.Option("--json", help="print one JSON object per query")] = False,
) -> None:
    """Answer typed queries from a finished run."""
    from srdist.cli.search import search_and_print

    search_and_print(run_dir, queries, k, answers, json)


for _command in (plan, submit, status, cancel):
    app.command()(_command)


def _version(show: bool) -> None:
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    global _debug
    _debug = debug
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def main() -> None:
    """Run the command line; exit with 0 only for success."""
    try:
        app()
    except UserError as error:
        if _debug:
            raise
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)
    except Exception as error:
        if _debug:
            raise
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        console.print(
            f"[red]failed:[/red] {escape(what)} -- `srdist --debug ...` shows where", soft_wrap=True, highlight=False
        )
        sys.exit(1)
