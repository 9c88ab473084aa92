"""The benchmark of prepare measures what it says, on a small corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from srdist.bench.prepare import measure
from srdist.cli.bench import bench
from srdist.errors import UserError
from tests.tiny import make_tiny_model
from tests.tiny_run import make_documents, write_lines


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_lines(tmp_path / "documents.jsonl", make_documents(64))
    return tmp_path / "documents.jsonl"


@pytest.mark.slow
def test_the_command_writes_its_figures(corpus: Path, ray_of_the_session: None) -> None:
    base = make_tiny_model(corpus.parent / "base", ["river stone moon garden"])
    file = corpus.parent / "figures.json"
    options = ["--documents", str(corpus), "--count", "64", "--model", str(base), "--json", str(file)]
    result = CliRunner().invoke(bench, ["prepare", *options])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    ratio = figures["tokens_per_second_per_core"] / figures["bare_tokens_per_second"]
    assert figures["tokenizer_efficiency"] == pytest.approx(ratio) and ratio > 0
    assert figures["workers_efficiency"] > 0 and figures["bare_workers_efficiency"] > 0
    assert 50 < figures["worker_peak_mb"] < 2_000 and figures["memory_growth"] > 0


def test_too_few_documents_are_an_error(corpus: Path) -> None:
    with pytest.raises(UserError, match="65 documents wanted, but only 64 found"):
        measure(corpus, 65, corpus.parent)
