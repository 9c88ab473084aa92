"""Shares rejected and ROC, by hand and from a tiny model on a file of SQuAD 2.0."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from srdist.decode import SelfRetriever, evaluator
from srdist.errors import UserError
from srdist.evaluate.rejection import measure_rejection, rejection_metrics
from tests.decode.tiny_run import CORPUS, make_run


@pytest.fixture
def config(tmp_path, monkeypatch):
    def run_here(make, batches, **_):
        work = make()
        yield from ((index, work(*batch)) for index, batch in enumerate(batches))

    monkeypatch.setattr(evaluator, "run_on_actors", run_here)
    monkeypatch.setattr(evaluator, "ray_cluster", lambda _: nullcontext())
    return make_run(tmp_path / "run", sharpness=6.0, batch_queries=2)


def squad(path, impossible):
    questions = [
        {"id": f"q{n}", "question": f"what is {n}?", "is_impossible": flag, "answers": []}
        for n, flag in enumerate(impossible)
    ]
    article = {"title": "The_Sea", "paragraphs": [{"context": "the sea is old", "qas": questions}]}
    path.write_text(json.dumps({"data": [article]}))
    return path


def test_metrics_by_hand():
    impossible = np.array([True, True, False, False])
    metrics = rejection_metrics(impossible, [0.9, 0.3, 0.6, 0.1], [0.1, 0.7, 0.4, 0.9])
    assert metrics["rejected_impossible"] == 0.5 and metrics["rejected_possible"] == 0.5
    assert metrics["auc"] == 0.75  # of four pairs of one kind each, three are in order
    assert [point[:2] for point in metrics["roc"]] == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]


def test_ties_count_half():
    assert rejection_metrics(np.array([True, False, True]), [0.5] * 3, [0.5] * 3)["auc"] == 0.5
    assert rejection_metrics(np.array([True, False]), [0.0, 0.0], [0.0, 1.0])["auc"] == 1.0


def test_verdicts_are_those_of_a_search(config):
    retriever = SelfRetriever.load(config.run_dir, config)
    (found,) = retriever.search(["what is a prime?"], 1000)
    pairs = [("what is a prime?", candidate.title, candidate.text) for candidate in found.candidates]
    assert len(pairs) == sum(map(len, CORPUS.values()))
    expected = [[candidate.rejection, candidate.acceptance] for candidate in found.candidates]
    np.testing.assert_allclose(retriever.verdicts(pairs), expected, rtol=1e-4)


def test_a_file_is_measured_and_kept(config, tmp_path):
    path = squad(tmp_path / "pairs.json", [True, False, True, False, False])
    metrics = measure_rejection(config, path, None)
    assert (metrics["pairs"], metrics["impossible"]) == (5, 2)
    folder = config.run_dir / "assess.pairs"
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    records = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    assert [record["id"] for record in records] == [f"q{n}" for n in range(5)]
    retriever = SelfRetriever.load(config.run_dir, config)
    expected = retriever.verdicts([(f"what is {n}?", "the sea", "the sea is old") for n in range(5)])
    assert [record["rejection"] for record in records] == pytest.approx(expected[:, 0].tolist(), rel=1e-4)


def test_questions_of_one_kind_are_refused(config, tmp_path):
    with pytest.raises(UserError, match="one kind only"):
        measure_rejection(config, squad(tmp_path / "pairs.json", [False, False]), None)
