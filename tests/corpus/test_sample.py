"""A sample holds every gold document and grows without exchanging any."""

from __future__ import annotations

from itertools import pairwise

import pytest

from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents
from srdist.errors import UserError
from tests.corpus.files import corpus, write_jsonl

GOLD = {"17", "400", "123"}


@pytest.fixture
def sources(tmp_path):
    records = [{"id": str(n), "title": f"Title  {n}", "text": f"Text {n}."} for n in range(500)]
    queries = [
        {"id": "q1", "text": "a?", "documents": ["17", "absent"]},
        {"id": "q2", "text": "b?", "title": "Title 400"},
        {"id": "q3", "text": "c?", "gold": [{"document": "123", "paragraph": 0}], "split": "train"},
    ]
    documents = [{"format": "jsonl", "path": write_jsonl(tmp_path / "d.jsonl", records)}]
    return documents, [{"format": "jsonl", "path": write_jsonl(tmp_path / "q.jsonl", queries)}]


def ids(sources, documents, seed=0, bad=None):
    config = corpus(*sources, sample={"documents": documents, "seed": seed})
    return [document.id for document in read_documents(config, bad or BadRecords())]


@pytest.mark.parametrize("size", [3, 4, 50, 499, 500])
def test_it_has_the_size_asked_for_and_every_gold_document_in_the_corpus_order(sources, size):
    found = ids(sources, size)
    assert len(found) == len(set(found)) == size
    assert set(found) >= GOLD
    assert found == sorted(found, key=int)


def test_a_larger_sample_contains_every_smaller_one(sources):
    samples = [set(ids(sources, size)) for size in (3, 10, 11, 60, 200, 500)]
    assert all(small < large for small, large in pairwise(samples))


def test_the_seed_draws_others_and_the_order_of_files_does_not_matter(sources, tmp_path):
    first = ids(sources, 50)
    assert first == ids(sources, 50) != ids(sources, 50, seed=1)
    path = sources[0][0]["path"]
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert set(ids(sources, 50)) == set(first)


def test_the_rest_is_drawn_evenly(sources):
    drawn = [int(identifier) for seed in range(20) for identifier in ids(sources, 53, seed) if identifier not in GOLD]
    assert 220 < sum(drawn) / len(drawn) < 280


def test_a_sample_that_does_not_fit_says_what_would(sources):
    with pytest.raises(UserError, match=r"have 501 documents, the corpus has 500 -- set .* to 500 or less"):
        ids(sources, 501)
    with pytest.raises(UserError, match=r"have 2 documents, the test queries have 3 gold ones -- set .* to 3 or more"):
        ids(sources, 2)


def test_bad_records_are_counted_once_and_never_sampled(sources, tmp_path):
    path = sources[0][0]["path"]
    path.write_text("{}\n" + path.read_text() + '{"id": "17", "text": "again"}\n')
    with BadRecords("skip", tmp_path / "quarantine.jsonl") as bad:
        found = ids(sources, 500, bad=bad)
    assert len(set(found)) == 500
    assert bad.count == len((tmp_path / "quarantine.jsonl").read_text().splitlines()) == 2
