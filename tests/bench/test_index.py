"""The benchmark of the index measures what it says, on a small corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from srdist.bench.corpora import CorpusSize
from srdist.bench.index import measure
from srdist.cli.bench import bench

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [CorpusSize(20_000, 1_500), CorpusSize(20_000, 1_500, 100_000, 0.5)])
def test_the_trie_is_small_and_quick_to_build(size: CorpusSize, ray_of_the_session: None) -> None:
    figures = {figure.key: figure.value for figure in measure(size)}
    assert figures["bytes_per_passage"] < (7 if size.vocabulary <= 1 << 16 else 9.5)
    assert 0 < figures["worker_peak_mb"] < 2_000
    assert figures["build_speedup"] > 0 and figures["build_over_read"] > 0 and figures["open_ms"] > 0


def test_the_command_writes_its_figures(tmp_path: Path, ray_of_the_session: None) -> None:
    file = tmp_path / "figures.json"
    options = ["--passages", "5000", "--titles", "5000", "--partitions", "1", "--near-duplicates", "0"]
    result = CliRunner().invoke(bench, ["index", *options, "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert json.loads(file.read_text())["bytes_per_passage"] < 7
