"""Gold passages: those of the gold document or paragraph, and of them those that contain an answer."""

import pytest

from srdist.corpus.records import Gold, Query
from srdist.prepare.gold import GoldPassage, find_gold, resolve
from tests.growth.runs import make_config, make_run
from tests.tiny import make_tiny_model


def passage(row, has_answer, document="d"):
    return GoldPassage(0, row, f"{document}-{row}", document, "title", has_answer)


@pytest.mark.parametrize(
    ("has_answer", "rows"),
    [([True, False, True], [0, 2]), ([False, False], [0, 1]), ([True], [0]), ([], [])],
)
def test_passages_with_the_answer_go_first(has_answer, rows):
    query = Query("q", "text", "train", ("answer",), (Gold("d"),))
    found = [(0, passage(row, flag)) for row, flag in enumerate(has_answer)]
    (resolved,) = resolve([query], reversed(found))
    assert [gold.row for gold in resolved.passages] == rows
    assert len(resolved.judged) == len(has_answer), "what was judged relevant stays known"


@pytest.fixture
def run(tmp_path):
    documents = [
        {"id": "d", "title": "The Sea", "text": "Salt water.\nIt is deep."},
        {"id": "e", "title": "the  sea", "text": "Waves."},
        {"id": "f", "title": "Hills", "text": "Stone."},
    ]
    config = make_config(tmp_path / "run", make_tiny_model(tmp_path / "base", ["Salt water"]))
    return make_run(config, documents)


@pytest.mark.parametrize(
    ("gold", "passages"),
    [
        ([Gold("d")], ["d-0", "d-1"]),
        ([Gold("d", 1)], ["d-1"]),
        ([Gold("d", 7)], []),
        ([Gold(title=" The  SEA")], ["d-0", "d-1", "e-0"]),
        ([Gold(title="The Sea", paragraph=0)], ["d-0", "e-0"]),
        ([Gold("d", 1), Gold("d"), Gold(title="the sea")], ["d-0", "d-1", "e-0"]),
        ([Gold("f"), Gold("e")], ["e-0", "f-0"]),
        ([Gold("nowhere"), Gold(title="Nowhere")], []),
    ],
)
def test_gold_is_found_by_document_by_paragraph_and_by_title(run, gold, passages):
    queries = [Query("other", "text", "train", (), ()), Query("q", "text", "train", ("Waves",), tuple(gold))]
    partitions = run.prepare.partitions
    found = [item for index in range(partitions) for item in find_gold(run.run_dir, index, partitions, queries, True)]
    assert {number for number, _ in found} <= {1}
    assert sorted(passage.id for _, passage in found) == passages
    for _, passage in found:
        assert passage.title == ("hills" if passage.id == "f-0" else "the sea")
        assert passage.has_answer == (passage.id == "e-0")
