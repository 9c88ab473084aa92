"""Every format on a small file: what becomes of its fields."""

from __future__ import annotations

from typing import get_args

import pytest

from srdist.config.schema import Format
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.readers import READERS
from srdist.corpus.readers.squad import Pair, pairs
from srdist.corpus.records import Document, Gold, Query
from tests.corpus.files import documents_of, queries_of, write_json, write_jsonl


def test_every_format_of_the_config_has_a_reader():
    assert set(READERS) == set(get_args(Format))


class TestJsonl:
    def test_text_is_split_at_line_ends(self, tmp_path):
        path = write_jsonl(tmp_path / "d.jsonl", [{"id": "d1", "title": " A title ", "text": "One.\n\n  Two. \r\n"}])
        assert documents_of("jsonl", path) == [Document("d1", "A title", ("One.", "Two."))]

    def test_paragraphs_keep_their_positions_and_the_title_may_be_absent(self, tmp_path):
        records = [{"_id": 7, "paragraphs": ["One.", " ", "Two."]}, {"id": "8", "title": None, "paragraphs": ["a"]}]
        path = write_jsonl(tmp_path / "d.jsonl", records)
        assert documents_of("jsonl", path) == [Document("7", "", ("One.", "", "Two.")), Document("8", "", ("a",))]

    def test_passages_are_ready(self, tmp_path):
        path = write_jsonl(tmp_path / "d.jsonl", [{"id": "d", "passages": ["One.\nTwo."], "text": None}])
        assert documents_of("jsonl", path) == [Document("d", "", ("One.\nTwo.",), ready=True)]

    def test_gold_as_documents_as_paragraphs_or_as_title(self, tmp_path):
        records = [
            {"id": "q1", "text": "who?", "answers": ["he", "him", "he", ""], "documents": ["d1", 2, "d1"]},
            {"id": "q2", "question": "what?", "gold": [{"document": "d1", "paragraph": 3}, {"title": "T"}]},
            {"id": "q3", "query": "where?", "title": "Physics"},
            {"id": "q4", "text": "no gold"},
            {"id": "q5", "text": "the more exact gold counts", "title": "T", "documents": ["d1"]},
        ]
        assert queries_of("jsonl", write_jsonl(tmp_path / "q.jsonl", records)) == [
            Query("q1", "who?", "test", ("he", "him"), (Gold("d1"), Gold("2"))),
            Query("q2", "what?", "test", (), (Gold("d1", 3), Gold(title="T"))),
            Query("q3", "where?", "test", (), (Gold(title="Physics"),)),
            Query("q4", "no gold", "test", (), ()),
            Query("q5", "the more exact gold counts", "test", (), (Gold("d1"),)),
        ]


class TestBeir:
    def test_a_record_is_a_document_of_one_paragraph(self, tmp_path):
        path = write_jsonl(tmp_path / "corpus.jsonl", [{"_id": "p1", "title": "T", "text": "One.\nTwo."}])
        assert documents_of("beir", path) == [Document("p1", "T", ("One.\nTwo.",))]

    @pytest.mark.parametrize("header", ["", "query-id\tcorpus-id\tscore\n"])
    def test_only_queries_with_a_relevant_document_are_given(self, tmp_path, header):
        records = [
            {"_id": "q1", "text": "who?", "metadata": {"answers": ["he"]}},
            {"_id": "q2", "text": "of another split"},
            {"_id": "q3", "text": "judged, nothing relevant", "metadata": None},
            {"_id": "query4", "text": "what?"},
        ]
        path = write_jsonl(tmp_path / "queries.jsonl", records)
        qrels = tmp_path / "test.tsv"
        qrels.write_text(header + "query4\tp9\t1\nq1\tp1\t1\nq1\tp2\t2\nq1\tp1\t1\nq1\tp3\t0\nq3\tp1\t0\n")
        assert queries_of("beir", path, qrels=qrels) == [
            Query("q1", "who?", "test", ("he",), (Gold("p1"), Gold("p2"))),
            Query("query4", "what?", "test", (), (Gold("p9"),)),
        ]


class TestSquad:
    def article(self, title="New_York", **question):
        question = {"id": "q1", "question": "Who?", "answers": [{"text": "he", "answer_start": 0}] * 2, **question}
        paragraphs = [{"context": "First.", "qas": []}, {"context": " Second. ", "qas": [question]}]
        return {"title": title, "paragraphs": paragraphs}

    def test_an_article_is_a_document_and_its_questions_know_their_paragraph(self, tmp_path):
        path = write_json(tmp_path / "dev.json", {"version": "1.1", "data": [self.article()]})
        assert documents_of("squad", path) == [Document("New_York", "New York", ("First.", "Second."))]
        assert queries_of("squad", path) == [Query("q1", "Who?", "test", ("he",), (Gold("New_York", 1),))]

    def test_impossible_questions_are_left_out(self, tmp_path):
        data = [self.article(), self.article("B", id="q2", is_impossible=True)]
        path = write_json(tmp_path / "dev.json", {"data": data})
        assert [query.id for query in queries_of("squad", path)] == ["q1"]

    def test_impossible_questions_are_pairs_for_assessment(self, tmp_path):
        data = [self.article(), self.article("B", id="q2", is_impossible=True)]
        path = write_json(tmp_path / "dev.json", {"data": data})
        with BadRecords("stop") as bad:
            assert list(pairs(path, bad)) == [
                Pair("q1", "Who?", "New York", "Second.", False),
                Pair("q2", "Who?", "B", "Second.", True),
            ]

    def test_ids_are_made_unique_from_titles(self, tmp_path):
        titles = ["A b", "A_b", "A_b_2", "A b", "Caf%C3%A9"]
        path = write_json(tmp_path / "dev.json", {"data": [self.article(title) for title in titles]})
        documents = documents_of("squad", path)
        assert [document.id for document in documents] == ["A_b", "A_b_2", "A_b_2_2", "A_b_3", "Caf%C3%A9"]
        assert [document.title for document in documents] == ["A b", "A b", "A b 2", "A b", "Café"]


class TestKilt:
    def test_paragraphs_keep_the_numbers_of_provenance(self, tmp_path):
        text = ["A\n", "A is a letter.\n", "Section::::History.\n", "BULLET::::- An item.\n", "BULLET::::1. 2. It.\n"]
        page = {"_id": "290", "wikipedia_id": "290", "wikipedia_title": "A", "text": text}
        path = write_jsonl(tmp_path / "kilt.jsonl", [page])
        assert documents_of("kilt", path) == [Document("290", "A", ("", "A is a letter.", "", "An item.", "2. It."))]

    def test_provenance_becomes_gold(self, tmp_path):
        spans = [
            {"wikipedia_id": "290", "start_paragraph_id": 1, "end_paragraph_id": 3},
            {"wikipedia_id": "291", "start_paragraph_id": 2},
            {"wikipedia_id": "292", "title": "whole document"},
        ]
        outputs = [{"answer": "a"}, {"answer": "b", "provenance": spans}, {"provenance": spans[:1]}]
        records = [
            {"id": "q", "input": "what?", "output": outputs},
            {"id": "blind", "input": "x", "output": []},
        ]
        gold = (Gold("290", 1), Gold("290", 2), Gold("290", 3), Gold("291", 2), Gold("292"))
        assert queries_of("kilt", write_jsonl(tmp_path / "nq.jsonl", records)) == [
            Query("q", "what?", "test", ("a", "b"), gold),
            Query("blind", "x", "test", (), ()),
        ]


class TestSelfRetrieval:
    def test_chunks_are_passages(self, tmp_path):
        page = {"wikipedia_id": "1", "title": "A", "chunks": ["One.\nTwo.", "", "b"]}
        path = write_json(tmp_path / "docs.json", [page])
        assert documents_of("self_retrieval", path) == [Document("1", "A", ("One.\nTwo.", "", "b"), ready=True)]

    def test_negative_contexts_and_rejections_are_no_gold(self, tmp_path):
        right = {"wikipedia_id": "1", "title": "A", "chunk_id": 2, "paragraph_id": 5}
        wrong = {"wikipedia_id": "1", "title": "A", "chunk_id": 0, "neg": True}
        answers = [
            {"answer": "he", "context": [right, {**right, "chunk_id": 3}]},
            {"answer": "him", "context": []},
            {"answer": "cannot extract answer", "context": [wrong]},
            {"answer": "cannot extract answer", "context": []},
        ]
        records = [
            {"id": "q1", "query": "who?", "answers": answers},
            {"id": "q2", "query": "what?", "answers": answers[0]},
        ]
        gold = (Gold("1", 2), Gold("1", 3))
        assert queries_of("self_retrieval", write_jsonl(tmp_path / "test.json", records)) == [
            Query("q1", "who?", "test", ("he", "him"), gold),
            Query("q2", "what?", "test", ("he",), gold),
        ]


class TestMsmarco:
    def test_columns_become_fields(self, tmp_path):
        documents, queries, qrels = (tmp_path / name for name in ("docs.tsv", "queries.tsv", "qrels"))
        documents.write_text('D1\thttp://a\tA "title\tBody one. Two.\nD2\thttp://b\t\tBody.\nD3\thttp://c\t.\tBody.\n')
        queries.write_text("11\twho is it\n12\tanother\n")
        qrels.write_text("11 0 D2 1\n11\t0\tD1\t0\n")
        assert documents_of("msmarco", documents) == [
            Document("D1", 'A "title', ("Body one. Two.",)),
            Document("D2", "", ("Body.",)),
            Document("D3", "", ("Body.",)),
        ]
        assert queries_of("msmarco", queries, qrels=qrels) == [Query("11", "who is it", "test", (), (Gold("D2"),))]


class TestVitalArticles:
    def test_the_title_makes_the_id(self, tmp_path):
        entry = {"title": "Marie Curie", "extract": "She won.\nTwice.", "description": "d", "topic": "t"}
        path = write_json(tmp_path / "summaries.json", {"Marie Curie": entry})
        assert documents_of("vital_articles", path) == [Document("Marie_Curie", "Marie Curie", ("She won.", "Twice."))]
