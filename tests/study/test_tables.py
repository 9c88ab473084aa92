from srdist.study.results import Result, lines_of, over_seeds
from srdist.study.tables import latex, markdown, variants_markdown
from srdist.study.variants import Comparison


def result(system="Self-Retrieval", documents=10, seed=0, value=0.5, variant="full", **changes):
    values = {"passages": 12, "level": "passage", "measure": "Hits@1", "low": value - 0.1, "high": value + 0.1}
    return Result(variant=variant, documents=documents, seed=seed, system=system, value=value, **(values | changes))


RESULTS = [
    result(documents=20, value=0.4),
    result(documents=10, value=0.6),
    result(documents=10, value=0.4, variant="one_beam"),
    result("BM25", value=0.9),
    result("BM25", value=0.9, variant="one_beam"),
    result("Hybrid", value=0.8),
    result("Hybrid", value=0.7, variant="one_beam"),
    result(value=0.7, measure="MRR@5"),
    result(value=0.8, level="document"),
]


def test_a_line_is_a_system_or_a_variant_of_one_that_retrieves_so_by_rising_size():
    lines = lines_of(RESULTS, "passage", "Hits@1")
    assert {name: [(r.documents, r.value) for r in line] for name, line in lines.items()} == {
        "Self-Retrieval, full": [(10, 0.6), (20, 0.4)],
        "Self-Retrieval, one_beam": [(10, 0.4)],
        "BM25": [(10, 0.9)],
        "Hybrid, full": [(10, 0.8)],
        "Hybrid, one_beam": [(10, 0.7)],
    }


def test_one_variant_needs_no_name():
    assert list(lines_of(RESULTS[:2], "passage", "Hits@1")) == ["Self-Retrieval"]


def test_seeds_are_averaged():
    (mean,) = over_seeds([result(seed=0, value=0.2), result(seed=1, value=0.4)])
    assert round(mean.value, 9) == 0.3 and round(mean.low, 9) == 0.2


def test_markdown_shows_every_figure_with_its_interval():
    text = markdown(lines_of(RESULTS, "passage", "Hits@1"))
    assert text.splitlines()[0] == "| system | 10 | 20 |"
    assert "| Self-Retrieval, full | 0.600 (0.500 to 0.700) | 0.400 (0.300 to 0.500) |" in text
    assert "| BM25 | 0.900 (0.800 to 1.000) |  |" in text


def test_latex_escapes_what_is_not_text():
    text = latex(lines_of(RESULTS, "passage", "Hits@1"), "100 % of Hits@1")
    assert r"one\_beam" in text and r"100 \% of" in text
    assert text.count(r"\\") == 6 and r"\begin{tabular}{lrr}" in text


def test_variants_have_a_row_each_and_a_mark_where_they_differ():
    rows = [
        Comparison(name, 10, measure, value, value - 0.1, value + 0.1, value - 0.6, -0.1, 0.1, p)
        for name, value, p in (("full", 0.6, 1.0), ("no-title", 0.4, 0.01))
        for measure in ("Hits@1", "MRR@5")
    ]
    assert variants_markdown(rows).splitlines() == [
        "| variant | Hits@1 | MRR@5 |",
        "| --- | ---: | ---: |",
        "| full | 0.600 | 0.600 |",
        "| no-title | 0.400 † | 0.400 † |",
    ]
