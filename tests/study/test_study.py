"""A whole study with real runs of a tiny model: killed, gone on with, one cell that fails, the page at the end."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from srdist.config.load import load_study
from srdist.errors import UserError
from srdist.study.grid import make_cells
from srdist.study.results import read_results
from srdist.study.run import is_finished, run_cell
from srdist.study.study import check_inputs, run_study
from tests.tiny_run import make_experiment

pytestmark = pytest.mark.slow
VARIANTS = [
    {"name": "full"},
    {"name": "broken", "documents": [12], "set": ["corpus.titles.model=./nowhere"]},
    {"name": "one-title", "documents": [24], "model_of": "full", "set": ["retrieve.titles=1"]},
]


def write_study(folder, **changes):
    make_experiment(folder)
    study = {
        "name": "tiny-study",
        "output": "study",
        "base": "config.yaml",
        "documents": [12, 24],
        "variants": VARIANTS,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study | changes))
    return folder / "study.yaml"


def start(path):
    command = [sys.executable, "-m", "srdist.cli", "study", str(path)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = write_study(tmp_path_factory.mktemp("study"))
    first = make_cells(load_study(path))[0]
    killed = start(path)
    deadline = time.monotonic() + 300
    while not (first.run_dir / "manifests" / "index.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = start(path)
    out, err = again.communicate(timeout=500)
    return path, again.returncode, out, err


def test_a_failed_cell_is_named_with_its_log_and_does_not_stop_the_others(finished):
    path, code, out, err = finished
    cells = {cell.name: cell for cell in make_cells(load_study(path))}
    assert [name for name, cell in cells.items() if is_finished(cell)] == ["full-12-0", "full-24-0", "one-title-24-0"]
    assert code == 1 and "broken-12-0" in err and str(cells["broken-12-0"].log) in err.replace("\n", "")
    assert "no model here" in cells["broken-12-0"].log.read_text()
    assert out.strip() == str(path.parent / "study" / "study.html")


def test_a_finished_cell_whose_settings_changed_is_refused_and_not_shown(finished):
    study = load_study(finished[0])
    (full,) = (c for c in make_cells(study, ["retrieve.tau=0.9"]) if c.name == "full-12-0")
    assert run_cell(full) == run_cell(full) == 2 and not is_finished(full)
    assert "made differently: retrieve.tau was 0.4, is 0.9" in " ".join(full.log.read_text().split())
    assert read_results([full]) == []
    assert is_finished(make_cells(study)[0]), "as it was made, it stays finished"


def test_results_and_costs_hold_a_row_per_figure_and_cell(finished):
    folder = finished[0].parent / "study"
    results = list(csv.DictReader((folder / "results.csv").open()))
    assert {(row["variant"], row["documents"]) for row in results} == {
        ("full", "12"),
        ("full", "24"),
        ("one-title", "24"),
    }
    assert {row["system"] for row in results} == {"Self-Retrieval", "BM25", "Hybrid"}
    costs = list(csv.DictReader((folder / "costs.csv").open()))
    assert len(costs) == 3 and all(float(row["latency_p95_ms"]) >= float(row["latency_p50_ms"]) > 0 for row in costs)
    assert all(int(row["trained_tokens"]) > 0 and float(row["memory_mb"]) > 0 for row in costs)


def test_variants_are_compared_with_the_first_one_on_the_same_queries(finished):
    folder = finished[0].parent / "study"
    results = {
        (row["variant"] if row["system"] == "Self-Retrieval" else row["system"], row["documents"], row["measure"]): row
        for row in reversed(list(csv.DictReader((folder / "results.csv").open())))
        if row["level"] == "passage" and row["system"] != "Hybrid"
    }
    compared = list(csv.DictReader((folder / "variants.csv").open()))
    assert {(row["name"], row["documents"], row["measure"]) for row in compared} == results.keys()
    for row in compared:
        result = results[row["name"], row["documents"], row["measure"]]
        first = results["full", row["documents"], row["measure"]]
        assert [float(row[name]) for name in ("value", "low", "high")] == pytest.approx(
            [float(result[name]) for name in ("value", "low", "high")]
        )
        assert float(row["difference"]) == pytest.approx(float(result["value"]) - float(first["value"]))
        assert row["name"] != "full" or float(row["p"]) == 1


def test_page_tables_and_figures_are_there(finished):
    folder = finished[0].parent / "study"
    page = (folder / "study.html").read_text()
    assert page.count("<svg") == 5 and "Not finished:</b> broken-12-0" in page and "<script" not in page
    assert "| BM25 |" in (folder / "table-passage.md").read_text()
    assert [line.split(" | ")[0] for line in (folder / "table-variants.md").read_text().splitlines()] == [
        *("| variant", "| ---", "| full", "| one-title", "| BM25"),
    ]
    assert r"\begin{tabular}" in (folder / "table-document.tex").read_text()
    for name in ("quality-passage", "quality-document", "cost", "variants", "latency"):
        assert (folder / f"{name}.svg").stat().st_size > 1000 and (folder / f"{name}.png").stat().st_size > 1000


def test_a_variant_in_retrieval_shares_the_model(finished):
    cells = {cell.name: cell.run_dir for cell in make_cells(load_study(finished[0]))}
    models = [cells[name] / "model" / "model.safetensors" for name in ("full-24-0", "one-title-24-0")]
    assert models[0].stat().st_ino == models[1].stat().st_ino


def test_the_smaller_corpus_is_inside_the_larger(finished):
    from srdist.storage.corpus import live_passages

    cells = {cell.name: cell.run_dir for cell in make_cells(load_study(finished[0]))}

    def documents(name):
        return {d for table in live_passages(cells[name], ("document",)) for d in table["document"].to_pylist()}

    assert len(documents("full-12-0")) == 12 and documents("full-12-0") < documents("full-24-0")


def test_a_size_larger_than_the_corpus_stops_the_study_before_any_cell(tmp_path):
    study = load_study(write_study(tmp_path, documents=[12, 24, 25]))
    with pytest.raises(UserError, match="should have 25 documents, the corpus has 24"):
        check_inputs(study, make_cells(study))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"measure": "Hits@3"}, "the study's measure Hits@3 is not evaluated -- take one of Hits@1, Hits@5"),
        (
            {"variants": [{"name": "full", "set": ["evaluate.measures=[Sucess@1]"]}]},
            "ir_measures has no measure 'Sucess@1'",
        ),
    ],
)
def test_a_measure_that_is_not_there_stops_the_study_before_any_cell(tmp_path, changes, what):
    study = load_study(write_study(tmp_path, **changes))
    with pytest.raises(UserError, match=what):
        check_inputs(study, make_cells(study))


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("baselines={systems: [bm25, dense], dense: {model: /nowhere/model}}", "no such file or folder"),
        ("baselines={systems: [bm25, dense_finetuned], dense: {model: 'package:srdist/study'}}", "model is not here"),
    ],
)
def test_a_baseline_without_its_model_stops_the_study_before_any_cell(tmp_path, override, what):
    study = load_study(write_study(tmp_path, variants=[{"name": "full", "set": [override]}]))
    cells = make_cells(study)
    with pytest.raises(UserError, match=what):
        run_study(study, cells)
    assert not study.output.exists()


def test_test_queries_without_gold_stop_the_study_before_any_cell(tmp_path):
    study = load_study(write_study(tmp_path))
    with open(tmp_path / "queries.jsonl", "a") as file:
        file.write('{"id": "lost", "text": "where?", "documents": ["nowhere"], "split": "test"}\n')
    with pytest.raises(UserError, match=r"1 of 9 queries have no gold passage in the corpus: lost \(nowhere\)"):
        run_study(study, make_cells(study))
    assert not study.output.exists()
