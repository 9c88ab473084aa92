import re

import pytest
from rich.console import Console

from srdist.evaluate.stage import evaluate
from srdist.evaluate.table import best_values, metrics_table, read_metrics, systems_in_order
from tests.evaluate.hand_made import make_config, make_run


@pytest.fixture
def metrics(tmp_path):
    make_run(tmp_path)
    evaluate(make_config(tmp_path))
    return read_metrics(tmp_path)


def test_table_fits_a_terminal_and_holds_every_figure(metrics):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(metrics_table(metrics))
    text = capture.get()
    assert "…" not in text
    for figure in ("0.250", "0.375", "0.500", "0.625", "EM 0.333", "F1 0.556"):
        assert figure in text
    assert "differs from BM25, p < 0.05" in text
    assert "without prediction, counted as zero: Self-Retrieval 1" in text
    assert "without gold in the corpus, counted as zero: 1" in text


def test_what_differs_from_the_baseline_is_marked_and_nothing_else(metrics):
    for system in metrics["systems"].values():
        for level in system.get("comparison", {}).values():
            for compared in level.values():
                compared["p"] = 1.0
    metrics["systems"]["Self-Retrieval"]["comparison"]["passage"]["Hits@1"]["p"] = 0.01
    console = Console(width=200)
    with console.capture() as capture:
        console.print(metrics_table(metrics))
    assert re.findall(r"[\d.]+ ?†", capture.get()) == ["0.250†"]


def test_queries_that_name_the_title_and_the_others_have_a_line_each(metrics):
    values = {"Self-Retrieval": {"Hits@1": 0.9}, "BM25": {"Hits@1": 0.8}}
    metrics["naming"]["named"] = {"queries": 7, "systems": values}
    lines = metrics_table(metrics).caption.splitlines()
    assert "3 name no word of the title: Hits@1 Self-Retrieval 0.333, BM25 0.667" in lines
    assert "7 name a word of the title: Hits@1 Self-Retrieval 0.900, BM25 0.800" in lines


def test_self_retrieval_comes_first_and_the_best_is_known(metrics):
    assert systems_in_order(metrics) == ["Self-Retrieval", "BM25", "Hybrid"]
    assert best_values(metrics, "passage")["Hits@1"] == 0.75
