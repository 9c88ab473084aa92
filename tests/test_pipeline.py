"""The whole pipeline, from files to the report, with the commands that a user types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srdist.storage.manifest import read_manifest
from srdist.storage.partitions import open_partitions
from tests.config.test_load import CONFIGS
from tests.tiny import make_tiny_model
from tests.tiny_run import make_documents, make_experiment

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("SRDIST_DATA", CONFIGS.parents[1] / "shared/data"))


def srdist(*arguments):
    command = [sys.executable, "-c", "from srdist.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = make_experiment(
        tmp_path_factory.mktemp("pipeline"),
        tracking={"backend": "wandb"},
        mixture={"held_out_queries": 3},
        train={"validation": {"loss_steps": 1000, "retrieval_steps": 1000, "queries": 2}},
    )
    result = srdist("run", path)
    assert result.returncode == 0, result.stderr
    return path, result


def test_run_ends_with_the_table_and_the_reports_path(finished):
    path, result = finished
    report = path.parent / "run/report.html"
    assert result.stdout.strip().splitlines()[-1] == str(report)
    assert report.is_file()
    for expected in ("BM25", "Self-Retrieval", "Hits", "MRR", "@5"):
        assert expected in result.stdout + result.stderr


def test_the_training_is_validated_on_held_out_queries(finished):
    path, _ = finished
    first, last = map(json.loads, (path.parent / "run/train/validation.jsonl").read_text().splitlines())
    assert first["step"] == 0 and "hits_1" not in first
    assert last["loss"] < first["loss"]
    assert last["queries"] == 2 and 0 <= last["hits_1"] <= last["mrr_5"] <= 1 and "error" not in last


def test_every_retrieved_passage_is_a_passage_of_the_corpus(finished):
    path, _ = finished
    texts = {document["id"]: document["text"] for document in make_documents(24)}
    lines = (path.parent / "run/retrieve/results.jsonl").read_text().splitlines()
    assert len(lines) == 8
    for line in lines:
        candidates = json.loads(line)["candidates"]
        assert candidates
        assert all(candidate["text"] in texts[candidate["document"]] for candidate in candidates)


def test_run_again_changes_no_file(finished):
    path, _ = finished
    run_dir = path.parent / "run"
    before = {item: item.stat().st_mtime_ns for item in run_dir.rglob("*")}
    result = srdist("run", path)
    assert result.returncode == 0
    assert result.stderr.count("done before") == 8
    assert {item: item.stat().st_mtime_ns for item in run_dir.rglob("*")} == before


def test_a_changed_config_is_refused_and_named(finished):
    path, _ = finished
    result = srdist("run", path, "--set", "train.learning_rate=0.5")
    assert result.returncode == 2
    assert "train.learning_rate was 0.001, is 0.5" in " ".join(result.stderr.split())


def test_search_answers_typed_queries(finished):
    path, _ = finished
    result = srdist("search", path.parent / "run", "where is the river", "--json", "-k", 2)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["query"] == "where is the river"
    assert len(found["candidates"]) == 2
    assert isinstance(found["answer"], str)


@pytest.mark.parametrize(
    ("command", "config", "folder", "passages", "test_queries"),
    [("run", "nq_qed", "nq-qed", 1343, 383), ("prepare", "xquad", "xquad", 240, 245)],
)
def test_the_real_collections_have_a_config_each(tmp_path, command, config, folder, passages, test_queries):
    if not (DATA / folder).is_dir():
        pytest.skip(f"no {folder} in {DATA}: set SRDIST_DATA")
    texts = [path.read_text() for path in (DATA / folder).glob("*.json*")]
    base = make_tiny_model(tmp_path / "base", texts, vocabulary=2000, context=8192)
    options = [
        f"output={tmp_path / 'run'}",
        f"model.base={base}",
        "model.dtype=float32",
        "mixture.phases=[{name: only, retrievals: 1, target_tokens: 0}]",
        "train.rows_per_step=32",
        "tracking.backend=jsonl",
        "retrieve.search=beam",  # with random weights, exact search visits most of the trie
        "retrieve.titles=1",
        "retrieve.title_beams=1",
        "retrieve.batch_queries=32",
        "retrieve.answer_tokens=1",
    ]
    result = srdist(command, CONFIGS / f"{config}.yaml", *(part for option in options for part in ("--set", option)))
    assert result.returncode == 0, result.stderr
    assert sum(table.num_rows for table in open_partitions(tmp_path / "run/passages")) == passages
    assert read_manifest(tmp_path / "run", "prepare").counts["test_queries"] == test_queries
    assert ("BM25" in result.stdout + result.stderr) == (command == "run")
