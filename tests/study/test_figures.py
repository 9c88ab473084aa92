from dataclasses import fields, replace

from srdist.study.figures import COSTS, cost_against_size, quality_against_latency, quality_of_variants
from srdist.study.results import Cost, Result
from srdist.study.variants import Comparison

SMALL = Cost(**{field.name: 1 for field in fields(Cost)} | {"variant": "full", "documents": 1000})


def shown(figure) -> set[str]:
    figure.canvas.draw()
    axis = figure.axes[0].yaxis
    low, high = sorted(axis.get_view_interval())
    labels = [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]
    return {label.get_text() for label in labels if low <= label.get_position()[1] <= high} - {""}


def test_costs_have_readable_ticks_within_a_decade_and_across_several():
    for factor, wanted in ((1.3, {"1", "1.1", "1.2"}), (4, {"1", "2", "3"}), (300, {"1", "10", "100"})):
        large = replace(SMALL, documents=5000, **dict.fromkeys(COSTS, factor))
        assert wanted <= shown(cost_against_size([SMALL, large]))


def test_a_variant_is_one_point_whatever_its_seeds():
    costs = [replace(SMALL, seed=seed, latency_p50_ms=10 * seed) for seed in (1, 3)]
    results = [
        Result("full", 1000, 1200, seed, "Self-Retrieval", "passage", "Hits@1", value, value - 0.1, value + 0.1)
        for seed, value in ((1, 0.4), (3, 0.6))
    ]
    (axes,) = quality_against_latency(results, costs, "passage", "Hits@1").axes
    (points,) = axes.containers
    assert points.lines[0].get_xydata().tolist() == [[20, 0.5]]


def test_variants_are_rows_from_top_to_bottom_and_marked_where_they_differ():
    rows = [
        Comparison(name, 1000, measure, value, value - 0.1, value + 0.2, value - 0.6, -0.1, 0.1, p)
        for measure in ("Hits@1", "Hits@5")
        for name, value, p in (("full", 0.6, 1.0), ("no-title", 0.4, 0.01), ("BM25", 0.5, 0.2))
    ]
    (axes,) = quality_of_variants(rows, "Hits@1").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["full", "no-title †", "BM25"]
    assert [points.lines[0].get_xydata().tolist() for points in axes.containers] == [[[0.6, 0]], [[0.4, 1]], [[0.5, 2]]]
    top, bottom = axes.get_ylim()[::-1]
    assert top < 0 < bottom
