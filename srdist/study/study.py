"""`srdist study`: run the grid's cells, then write the tables, the figures and the page over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from srdist.config.study import StudyConfig
from srdist.errors import UserError
from srdist.evaluate.measures import parse_measures, shown_name
from srdist.evaluate.table import LEVELS
from srdist.storage.files import write_text
from srdist.study.figures import (
    check_matplotlib,
    cost_against_size,
    quality_against_latency,
    quality_against_size,
    quality_of_variants,
    save_figure,
)
from srdist.study.grid import Cell
from srdist.study.page import Picture, render
from srdist.study.results import Cost, Result, as_csv, lines_of, read_costs, read_results
from srdist.study.run import is_finished, run_cells
from srdist.study.tables import latex, markdown, variants_markdown
from srdist.study.variants import Comparison, compare_variants

PAGE = "study.html"


def run_study(study: StudyConfig, cells: Sequence[Cell]) -> list[Cell]:
    """Run the cells that are not finished and write the page; return the cells that failed.

    Raises:
        UserError: the input of a cell is bad: before any cell is run.
    """
    check_inputs(study, cells)
    failed = run_cells(cells)
    if any(is_finished(cell) for cell in cells):
        write_results(study, cells)
    return failed


def check_inputs(study: StudyConfig, cells: Sequence[Cell]) -> None:
    """Refuse what would end a cell that is not finished, or the study after all of them, before it begins.

    That is a size larger than the corpus, or too small for the gold documents of the test queries; test queries
    without gold; a baseline's model that is not there; a measure that is unknown, or not evaluated; no matplotlib.
    """
    from srdist.baselines.stage import check_baselines
    from srdist.corpus.bad_records import BadRecords
    from srdist.corpus.missing_gold import check_gold
    from srdist.corpus.read import read_documents

    waiting = [cell for cell in cells if not is_finished(cell)]
    for cell in waiting:
        check_baselines(cell.config)
        _check_measure(study, {shown_name(measure) for measure in parse_measures(cell.config.evaluate.measures)})
    check_matplotlib()
    for documents in {cell.documents for cell in waiting}:
        corpus = next(cell.config.corpus for cell in waiting if cell.documents == documents)
        next(read_documents(corpus, BadRecords(corpus.on_bad_record)), None)
    for cell in waiting[:1]:
        check_gold(cell.config.corpus)


def write_results(study: StudyConfig, cells: Sequence[Cell]) -> None:
    """Write the .csv files, the tables, the figures and the page of the cells that are finished.

    Raises:
        UserError: the study's measure is not among those that were evaluated.
    """
    results, costs, comparisons = read_results(cells), read_costs(cells), compare_variants(cells)
    _check_measure(study, {result.measure for result in results})
    write_text(study.output / "results.csv", as_csv(results, Result))
    write_text(study.output / "costs.csv", as_csv(costs, Cost))
    write_text(study.output / "variants.csv", as_csv(comparisons, Comparison))
    largest = [comparison for comparison in comparisons if comparison.documents == comparisons[-1].documents]
    write_text(study.output / "table-variants.md", variants_markdown(largest))
    for level in LEVELS:
        lines = lines_of(results, level, study.measure)
        caption = f"{study.measure} of the {level}s against the number of documents in the corpus."
        write_text(study.output / f"table-{level}.md", markdown(lines))
        write_text(study.output / f"table-{level}.tex", latex(lines, caption))
    pictures = _draw(study, results, costs, largest)
    unfinished = [cell.name for cell in cells if not is_finished(cell)]
    write_text(study.output / PAGE, render(study, results, costs, largest, pictures, unfinished))


def _check_measure(study: StudyConfig, measured: set[str]) -> None:
    if study.measure not in measured:
        cure = f"take one of {', '.join(sorted(measured))}"
        raise UserError(f"the study's measure {study.measure} is not evaluated", cure=cure)


def _draw(study: StudyConfig, results: list[Result], costs: list[Cost], largest: list[Comparison]) -> list[Picture]:
    drawn = []
    if len({result.documents for result in results}) > 1:
        for level in LEVELS:
            figure = quality_against_size(lines_of(results, level, study.measure), study.measure)
            drawn.append((f"quality-{level}", f"{study.measure} over {level}s", figure))
        drawn.append(("cost", "Cost against the size of the corpus", cost_against_size(costs)))
    if len({result.variant for result in results}) > 1:
        figure = quality_of_variants(largest, study.measure)
        drawn.append(("variants", f"{study.measure} over passages of the variants, largest corpus", figure))
        figure = quality_against_latency(results, costs, "passage", study.measure)
        drawn.append(("latency", f"{study.measure} over passages against time, largest corpus", figure))
    pictures = []
    for name, title, figure in drawn:
        save_figure(figure, study.output / name)
        pictures.append(Picture(title, (study.output / f"{name}.svg").read_text(encoding="utf-8")))
    return pictures
