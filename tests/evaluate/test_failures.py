import pytest

from srdist.evaluate.failures import KINDS, count_failures, failure_kind
from srdist.evaluate.records import JudgedQuery

QUERY = JudgedQuery("q", "text", [], ["d"], ["d-1"], ["gold title"])


def record(titles, ranking, missed=(), expansions=0):
    found = [{"title": title, "logprob": logprob, "passages": passages} for title, logprob, passages in titles]
    missed = [{"title": title, "logprob": logprob} for title, logprob in missed]
    candidates = [{"passage_id": passage} for passage in ranking]
    return {"titles": found, "candidates": candidates, "missed_titles": missed, "expansions": expansions}


OTHER = ("other", -2.0, ["e-0"])


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("found", record([("gold title", -1, ["d-0", "d-1"])], ["d-1", "d-0"])),
        ("title not generated", None),
        ("title not generated", record([OTHER], ["e-0"], [("gold title", -2.5)])),
        ("title pruned", record([OTHER], ["e-0"], [("gold title", -1.5)])),
        ("title not generated", record([OTHER], ["e-0"], [("gold title", -1.999)], expansions=7)),
        ("passage pruned", record([OTHER, ("gold title", -3, ["d-0"])], ["e-0", "d-0"])),
        ("lost in assessment", record([OTHER, ("gold title", -3, ["d-0", "d-1"])], ["e-0", "d-1"])),
        ("lost in assessment", record([OTHER, ("gold title", -3, ["d-1"])], ["e-0"])),
    ],
)
def test_a_query_is_lost_where_its_gold_was_seen_last(kind, found):
    assert failure_kind(QUERY, found) == kind


def test_without_gold_in_the_corpus_nothing_can_be_found():
    assert failure_kind(JudgedQuery("q", "text", [], [], [], []), record([OTHER], ["e-0"])) == "gold not in the corpus"


def test_every_kind_is_counted_in_order():
    counts = count_failures(["found", "passage pruned", "found"])
    assert list(counts) == list(KINDS) and counts["found"] == 2 and counts["title pruned"] == 0
