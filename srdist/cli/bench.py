"""`srdist bench`: measurements on the user's own machine, one sub-command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SIZES = [10_000, 50_000, 100_000, 200_000]
bench = typer.Typer(
    help="Measure on this machine, side by side with plain references: ratios, and figures with their unit.",
    no_args_is_help=True,
)


@bench.command()
def index(
    passages: Annotated[int, typer.Option(min=1, help="Passages of the made-up corpus.")] = 300_000,
    titles: Annotated[int, typer.Option(min=1, help="Titles, at most as many as passages.")] = 20_000,
    vocabulary: Annotated[int, typer.Option(min=16, help="Tokens; above 65,536 they take 32 bits.")] = 32_000,
    near_duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of near-duplicate passages.")] = 0.05,
    partitions: Annotated[int, typer.Option(min=1, help="Files of each table; one worker builds one at a time.")] = 8,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure size, build and opening of the constraint on a made-up corpus."""
    from srdist.bench.corpora import CorpusSize
    from srdist.bench.figures import show_figures
    from srdist.bench.index import measure

    size = CorpusSize(passages, titles, vocabulary, near_duplicates, partitions)
    show_figures(f"index: {passages:,} passages, {titles:,} titles", measure(size), json)


@bench.command()
def decode(
    model: Annotated[Path | None, typer.Option(help="Folder of a language model to measure, too: minutes.")] = None,
    run: Annotated[Path | None, typer.Option(help="A trained run to measure, too, on its own test queries.")] = None,
    titles: Annotated[int, typer.Option(min=40, help="Titles of the larger made-up corpus.")] = 200_000,
    queries: Annotated[int, typer.Option(min=1, help="Queries decoded together.")] = 8,
    beams: Annotated[int, typer.Option(min=10, help="Beams of title and passage search.")] = 10,
    dtype: Annotated[str, typer.Option(help="Type of the model's weights: float32 or bfloat16.")] = "float32",
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure the constraint's step against log_softmax, and the search against generate of transformers."""
    from srdist.bench.decode import measure
    from srdist.bench.figures import show_figures

    figures = measure(model, run, titles, queries, beams, dtype)
    show_figures(f"decode: {model or 'a tiny random model'}, {titles:,} titles", figures, json)


@bench.command()
def train(
    config: Annotated[Path | None, typer.Argument(metavar="[CONFIG]", help="A prepared experiment.")] = None,
    model: Annotated[str | None, typer.Option(help="Folder of a model; none: one with random weights.")] = None,
    hidden: Annotated[int, typer.Option(min=64, help="Hidden size of the random model.")] = 384,
    layers: Annotated[int, typer.Option(min=1, help="Layers of the random model.")] = 4,
    vocabulary: Annotated[int, typer.Option(min=16, help="Tokens of the random model.")] = 4096,
    steps: Annotated[int, typer.Option(min=1, help="Places in the training that are measured.")] = 3,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of runs of each; the fastest counts.")] = 2,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure packing, our loop and DeepSpeed on the lengths of CONFIG's mixture, or on some like the quickstart's."""
    from srdist.bench.figures import show_figures
    from srdist.bench.train import RandomModel, measure
    from srdist.config import load_config

    size = RandomModel(hidden, layers, vocabulary)
    figures = measure(load_config(config) if config else None, model or size, steps=steps, repeats=repeats)
    show_figures(f"train: {config or 'lengths like the quickstart'}, {model or size}", figures, json)


@bench.command()
def evaluate(
    run_dir: Annotated[Path, typer.Argument(help="A trained run.")],
    batches: Annotated[int, typer.Option(min=1, help="Batches of retrieve.batch_queries test queries.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each; the fastest counts.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure the evaluator's worker against a plain loop over the same batches."""
    from srdist.bench.evaluate import measure
    from srdist.bench.figures import show_figures
    from srdist.config import load_config

    config = load_config(run_dir)
    show_figures(f"evaluate: {run_dir}", measure(config, batches=batches, repeats=repeats), json)


@bench.command()
def prepare(
    documents: Annotated[Path | None, typer.Option(help="Corpus of format jsonl; none: vital articles.")] = None,
    count: Annotated[int, typer.Option(min=64, help="Documents that are taken of it.")] = 4_000,
    model: Annotated[Path, typer.Option(help="Folder of a model with the tokenizer.")] = Path("runs/base/smollm2-135m"),
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure stage prepare against the bare tokenizer, with one worker and two, and its memory."""
    from srdist.bench.figures import show_figures
    from srdist.bench.prepare import measure

    figures = measure(documents, count, model)
    show_figures(f"prepare: {count:,} documents of {documents or 'the vital articles'}", figures, json)


@bench.command()
def scale(
    enwiki: Annotated[Path, typer.Option(help="Documents of an encyclopedia: gzip of JSON lines.")],
    dictd: Annotated[Path, typer.Option(help="Folder of dictionaries: gcide, wn and foldoc.")] = Path(
        "/usr/share/dictd"
    ),
    documents: Annotated[list[int], typer.Option(min=100, help="Sizes, one a --documents.")] = SIZES,
    model: Annotated[Path, typer.Option(help="Folder of a model with the tokenizer.")] = Path("runs/base/smollm2-135m"),
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure what prepare, index and retrieve cost as a corpus of real titles grows: minutes to an hour."""
    from srdist.bench.dictionaries import corpus
    from srdist.bench.figures import show_figures
    from srdist.bench.scale import measure

    figures = measure(list(corpus(enwiki, dictd, max(documents))), documents, model)
    show_figures(f"scale: {min(documents):,} to {max(documents):,} documents", figures, json)
