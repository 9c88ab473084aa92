"""Chunks of documents, before they are shared out."""

import pyarrow as pa

from srdist.corpus.records import Document
from srdist.prepare.chunks import partition_of, write_chunk
from srdist.prepare.stage import prepare_settings
from tests.tiny_run import tiny_config

DOCUMENTS = [Document("a", "Rivers", ("Water runs.",)), Document("b", "", ("Salt of the sea.", "More salt."))]


def test_a_constant_title_puts_all_documents_under_one(tmp_path):
    config = tiny_config(tmp_path, corpus={"titles": {"constant": "Passage"}})
    assert write_chunk(tmp_path / "chunk.arrow", DOCUMENTS, config) == 3
    with pa.memory_map(str(tmp_path / "chunk.arrow")) as source:
        reader = pa.ipc.open_file(source)
        parts = [reader.get_batch(index).to_pylist() for index in range(reader.num_record_batches)]
    rows = parts[partition_of("passage", config.prepare.partitions)]
    assert [(row["id"], row["title"]) for row in rows] == [("a-0", "passage"), ("b-0", "passage"), ("b-1", "passage")]
    assert sum(map(len, parts)) == 3


def test_titles_are_made_of_the_texts_where_the_config_says_so(tmp_path):
    config = tiny_config(tmp_path, corpus={"titles": {"replace": True, "words": 2}})
    write_chunk(tmp_path / "chunk.arrow", DOCUMENTS, config)
    with pa.memory_map(str(tmp_path / "chunk.arrow")) as source:
        rows = pa.ipc.open_file(source).read_all().to_pylist()
    assert {(row["document"], row["title"]) for row in rows} == {("a", "water runs"), ("b", "salt of")}


def test_how_questions_are_batched_matters_only_where_some_are_written(tmp_path):
    views = {"question_model": str(tmp_path)}
    phases = [{"name": "indexing", "questions": 1}, {"name": "indexing", "windows": 1}]
    asked, not_asked = (
        tiny_config(tmp_path / name, mixture={"views": views, "phases": [phase]})
        for name, phase in zip("ab", phases, strict=True)
    )
    assert "question_batch_tokens" in prepare_settings(asked)["mixture"]["views"]
    assert "question_batch_tokens" not in prepare_settings(not_asked)["mixture"]["views"]
