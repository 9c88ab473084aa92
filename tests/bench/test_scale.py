"""The benchmark of scale runs the stages whole, at every size, on corpora that lie inside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from srdist.bench.scale import measure
from tests.tiny import make_tiny_model
from tests.tiny_run import make_documents

pytestmark = pytest.mark.slow


def test_every_stage_is_measured_at_every_size(tmp_path: Path, ray_of_the_session: None) -> None:
    base = make_tiny_model(tmp_path, ["river stone moon garden"])
    lines = [json.dumps(document) for document in make_documents(300)]
    figures = {figure.key: figure.value for figure in measure(lines, [300, 100], base)}
    assert 100 < figures["passages.100"] < figures["passages.300"]
    for size in (100, 300):
        for stage in ("prepare", "index", "retrieve"):
            names = ("seconds", "cpu_seconds", "worker_own_mb", "worker_peak_mb", "cost")
            assert all(figures[f"{name}.{stage}.{size}"] > 0 for name in names)
        assert figures[f"trie_bytes.{size}"] > 1 and figures[f"table_bytes.{size}"] > 100
    for stage in ("prepare", "index", "retrieve"):
        ratio = figures[f"cost.{stage}.300"] / figures[f"cost.{stage}.100"]
        assert figures[f"cost_growth.{stage}"] == pytest.approx(ratio)
    assert figures["memory_growth"] > 0.8 and figures["peak_memory_growth"] > 0.8
