"""What each variant of a study is worth: its figures beside those of the first variant, on the same queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from srdist.evaluate.measures import QueryScores, mean, parse_measures, score_queries
from srdist.evaluate.records import SELF_RETRIEVAL, read_judged_queries, read_systems
from srdist.evaluate.significance import Resampling, compare, mean_interval
from srdist.evaluate.table import MARK, SIGNIFICANT
from srdist.study.grid import Cell
from srdist.study.run import is_finished


@dataclass(frozen=True)
class Comparison:
    """A measure of the passages that a variant or a baseline ranks, and how it differs from the first variant's.

    Attributes:
        name: of the variant or the baseline.
        value: mean over the test queries, each averaged over the seeds; `low` and `high` are its interval.
        difference: `value` minus the first variant's, with its interval; `p` is that of the paired randomization test.
    """

    name: str
    documents: int
    measure: str
    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    p: float

    @property
    def mark(self) -> str:
        """What stands behind the figure where it differs from the first variant's."""
        return f" {MARK}" if self.p < SIGNIFICANT else ""


def compare_variants(cells: Iterable[Cell]) -> list[Comparison]:
    """Compare what is finished with the first variant that is, at each size and over the seeds that both have.

    Variants come first, in the study's order. A baseline hardly depends on the variant: it is taken of the first one
    that has it.
    """
    sizes: dict[int, list[Cell]] = {}
    for cell in filter(is_finished, cells):
        sizes.setdefault(cell.documents, []).append(cell)
    return [comparison for size in sorted(sizes) for comparison in _at_size(sizes[size])]


def _at_size(cells: Sequence[Cell]) -> Iterator[Comparison]:
    variants: dict[str, dict[int, QueryScores]] = {}
    baselines: dict[str, dict[int, QueryScores]] = {}
    for cell in cells:
        for system, scores in _scores_of(cell).items():
            own = system == SELF_RETRIEVAL
            named = variants.setdefault(cell.variant, {}) if own else baselines.setdefault(system, {})
            named.setdefault(cell.seed, scores)
    first = variants[cells[0].variant]
    evaluate = cells[0].config.evaluate
    how = Resampling(evaluate.resamples, evaluate.confidence)
    for name, scores in (variants | baselines).items():
        seeds = sorted(scores.keys() & first.keys())
        measures = [measure for measure in first[seeds[0]] if measure in scores[seeds[0]]] if seeds else []
        for measure in measures:
            values, reference = (_over_seeds(by_seed, seeds, measure) for by_seed in (scores, first))
            found = compare(values, reference, how)
            figures = (mean(values), *mean_interval(values, how), found["difference"], *found["interval"], found["p"])
            yield Comparison(name, cells[0].documents, measure, *figures)


def _over_seeds(by_seed: dict[int, QueryScores], seeds: Sequence[int], measure: str) -> dict[str, float]:
    return {query: fmean(by_seed[seed][measure][query] for seed in seeds) for query in by_seed[seeds[0]][measure]}


def _scores_of(cell: Cell) -> dict[str, QueryScores]:
    gold = {query.id: query.passages for query in read_judged_queries(cell.run_dir)}
    measures = parse_measures(cell.config.evaluate.measures)
    return {name: score_queries(measures, gold, rankings) for name, rankings in read_systems(cell.config).items()}
