"""All sources of a config together: order, splits, ids."""

from __future__ import annotations

import pytest

from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents, read_queries
from srdist.corpus.splits import hashed_split
from srdist.errors import UserError
from tests.corpus.files import corpus, documents_of, queries_of, write_jsonl


def docs(path, *ids):
    return write_jsonl(path, [{"id": identifier, "text": "Text."} for identifier in ids])


def questions(path, *ids, **more):
    return write_jsonl(path, [{"id": identifier, "text": "Who?", **more} for identifier in ids])


def test_sources_are_read_in_order(tmp_path):
    paths = docs(tmp_path / "b.jsonl", "3", "1"), docs(tmp_path / "a.jsonl", "2")
    assert [document.id for document in documents_of("jsonl", *paths)] == ["3", "1", "2"]


def test_an_id_may_not_occur_in_two_files(tmp_path):
    paths = docs(tmp_path / "a.jsonl", "1", "2"), docs(tmp_path / "b.jsonl", "3", "2")
    with pytest.raises(UserError, match=r"b\.jsonl, line 2: the document id '2' occurs a second time -- give each"):
        documents_of("jsonl", *paths)
    bad = BadRecords("skip")
    assert [document.id for document in documents_of("jsonl", *paths, bad=bad)] == ["1", "2", "3"]
    assert bad.count == 1


def test_the_split_comes_from_the_source_or_from_the_record(tmp_path):
    path = write_jsonl(tmp_path / "q", [{"id": split, "text": "Who?", "split": split} for split in ("train", "test")])
    assert [query.split for query in queries_of("jsonl", path, split="train")] == ["train", "train"]
    assert [query.split for query in queries_of("jsonl", path, split="field")] == ["train", "test"]


def test_hashing_divides_by_id_alone(tmp_path):
    ids = [f"q{number}" for number in range(4000)]
    path = questions(tmp_path / "q", *ids)
    splits = {query.id: query.split for query in queries_of("jsonl", path, split="hash", test_share=0.25)}
    assert 900 < list(splits.values()).count("test") < 1100
    assert splits == {identifier: hashed_split(identifier, 0.25) for identifier in ids}
    assert {hashed_split(identifier, 0.0) for identifier in ids} == {"train"}
    assert {hashed_split(identifier, 1.0) for identifier in ids} == {"test"}
    assert [identifier for identifier in ids[:6] if hashed_split(identifier, 0.5) == "train"] == ["q1"]


def test_a_larger_test_share_keeps_the_test_queries():
    ids = [f"q{number}" for number in range(1000)]
    small = {identifier for identifier in ids if hashed_split(identifier, 0.1) == "test"}
    assert small < {identifier for identifier in ids if hashed_split(identifier, 0.2) == "test"}


def test_a_query_in_both_splits_stops_whatever_the_policy(tmp_path):
    paths = questions(tmp_path / "a.jsonl", "1", "2"), questions(tmp_path / "b.jsonl", "3", "2")
    sources = [
        {"format": "jsonl", "path": path, "split": split} for path, split in zip(paths, ("train", "test"), strict=True)
    ]
    config = corpus([{"format": "jsonl", "path": "unused"}], sources)
    with pytest.raises(UserError, match=r"b\.jsonl, line 2: the query '2' is in the train and in the test split -- "):
        list(read_queries(config, BadRecords("skip")))


def test_a_query_twice_in_one_split_is_a_bad_record(tmp_path):
    path = questions(tmp_path / "q.jsonl", "1", "1")
    with pytest.raises(UserError, match=r"q\.jsonl, line 2: the query id '1' occurs a second time -- give each"):
        queries_of("jsonl", path)


def test_a_source_without_anything_in_it_is_an_error(tmp_path):
    path = docs(tmp_path / "empty.jsonl")
    with pytest.raises(UserError, match=r"empty\.jsonl: the file holds no documents -- check"):
        documents_of("jsonl", path)
    with pytest.raises(UserError, match=r"empty\.jsonl: the file holds no queries -- check"):
        queries_of("jsonl", path)
    with pytest.raises(UserError, match=r"the file holds no documents \(2 bad records\)"):
        documents_of("jsonl", write_jsonl(path, [{"id": "1"}, {}]), bad=BadRecords("skip"))


@pytest.mark.parametrize("judgements", ["", "q1\tp1\t0\n"])
def test_qrels_without_a_relevant_document_are_named_and_not_the_queries(tmp_path, judgements):
    path, qrels = write_jsonl(tmp_path / "q.jsonl", [{"_id": "q1", "text": "Who?"}]), tmp_path / "test.tsv"
    qrels.write_text(judgements)
    message = r"test\.tsv: no usable query of .*q\.jsonl has a relevant document in this file -- check `path`, `qrels`"
    with pytest.raises(UserError, match=message):
        queries_of("beir", path, qrels=qrels)
    qrels.write_text("q1\tp1\tmuch\nq2\tp1\t1\n")
    with pytest.raises(UserError, match=r"in this file \(2 bad records\)"):
        queries_of("beir", path, qrels=qrels, bad=BadRecords("skip"))


def test_a_missing_file_is_named_with_a_cure(tmp_path):
    with pytest.raises(UserError, match=r"gone\.jsonl: no such file or folder -- correct the path"):
        documents_of("jsonl", tmp_path / "gone.jsonl")


def test_qrels_are_for_the_formats_that_need_them(tmp_path):
    path = questions(tmp_path / "q.jsonl", "1")
    with pytest.raises(UserError, match=r"q\.jsonl: the format beir needs a file of qrels -- add `qrels`"):
        queries_of("beir", path)
    with pytest.raises(UserError, match=r"q\.jsonl: the format jsonl takes no qrels.* -- remove `qrels`"):
        queries_of("jsonl", path, qrels=path)
    with pytest.raises(UserError, match=r"files of the format vital_articles have no queries -- name it under"):
        queries_of("vital_articles", path)


def test_reading_is_lazy(tmp_path):
    path = docs(tmp_path / "a.jsonl", "1", "2")
    path.write_text(path.read_text() + "not JSON\n")
    documents = read_documents(corpus([{"format": "jsonl", "path": path}]), BadRecords())
    assert [next(documents).id, next(documents).id] == ["1", "2"]
    with pytest.raises(UserError):
        next(documents)
