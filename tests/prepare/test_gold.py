"""Gold passages: those of the gold document or paragraph, and of them those that contain an answer."""

import pytest

from srdist.corpus.records import Gold, Query
from srdist.prepare.gold import GoldPassage, resolve


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
