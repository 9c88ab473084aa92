from types import SimpleNamespace

import pytest

from srdist.config.baselines import EvaluateConfig
from srdist.evaluate.records import SELF_RETRIEVAL
from srdist.study import variants
from srdist.study.variants import compare_variants

GOOD, BAD, MIXED = ({"Hits@1": {f"q{n}": float(n % 10 < hits) for n in range(40)}} for hits in (9, 1, 5))


def cell(variant, seed=0, documents=10, **systems):
    config = SimpleNamespace(evaluate=EvaluateConfig())
    return SimpleNamespace(variant=variant, seed=seed, documents=documents, config=config, systems=systems)


@pytest.fixture(autouse=True)
def scores_in_the_cells(monkeypatch):
    monkeypatch.setattr(variants, "is_finished", lambda cell: bool(cell.systems))
    monkeypatch.setattr(
        variants, "_scores_of", lambda cell: {n.replace("own", SELF_RETRIEVAL): s for n, s in cell.systems.items()}
    )


def test_variants_and_baselines_are_compared_with_the_first_finished_variant():
    cells = [cell("stopped"), cell("full", own=GOOD, BM25=MIXED), cell("weak", own=BAD, BM25=BAD)]
    first, weak, bm25 = compare_variants(cells)
    assert (first.name, first.value, first.difference, first.p, first.mark) == ("full", 0.9, 0, 1, "")
    assert (weak.name, weak.value, weak.mark) == ("weak", 0.1, " †")
    assert weak.difference == pytest.approx(-0.8) and weak.difference_low < -0.8 < weak.difference_high
    assert (bm25.name, bm25.value) == ("BM25", 0.5), "the first variant's"


def test_a_query_is_averaged_over_the_seeds_that_both_have():
    cells = [
        *(cell("full", seed, own=scores) for seed, scores in enumerate((GOOD, BAD))),
        *(cell("other", seed, own=scores) for seed, scores in ((1, GOOD), (2, BAD))),
    ]
    full, other = compare_variants(cells)
    assert full.value == pytest.approx(0.5)
    assert other.value == 0.9 and other.difference == pytest.approx(0.8), "seed 1 of both"


def test_sizes_are_compared_apart_and_without_a_shared_seed_not_at_all():
    cells = [cell("full", own=GOOD), cell("full", documents=20, own=BAD), cell("other", 5, documents=20, own=GOOD)]
    assert [(found.documents, found.name, found.p) for found in compare_variants(cells)] == [
        (10, "full", 1),
        (20, "full", 1),
    ]
