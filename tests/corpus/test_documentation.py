"""The examples of docs/data.md are read by the readers they belong to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from srdist.corpus.readers import READERS
from tests.corpus.files import documents_of, queries_of

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def example(format, kind):
    """Return the example of that kind in the section of that format, None if there is none."""
    section = PAGE.split(f"### `{format}`\n")[1].split("\n### ")[0].split("\n## ")[0]
    found = re.search(rf"```\w+ [a-z ]*{kind}[a-z ]*\n(.*?)```", section, re.DOTALL)
    return found and found[1]


@pytest.mark.parametrize("format", READERS)
def test_the_documents_are_read(tmp_path, format):
    path = tmp_path / "documents"
    path.write_text(example(format, "documents"), encoding="utf-8")
    documents = documents_of(format, path)
    assert len(documents) == (1 if format == "squad" else 3)


@pytest.mark.parametrize("format", [name for name, reader in READERS.items() if reader.queries])
def test_the_queries_are_read_and_their_gold_is_among_the_documents(tmp_path, format):
    for kind in ("documents", "queries", "qrels"):
        if text := example(format, kind):
            (tmp_path / kind).write_text(text, encoding="utf-8")
    documents = {document.id: document for document in documents_of(format, tmp_path / "documents")}
    qrels = {"qrels": tmp_path / "qrels"} if READERS[format].qrels else {}
    queries = queries_of(format, tmp_path / "queries", **qrels)
    titles = {document.title for document in documents.values()}
    assert any(query.gold for query in queries)
    for gold in (gold for query in queries for gold in query.gold):
        assert gold.document in documents or gold.title in titles
        assert gold.paragraph is None or documents[gold.document].paragraphs[gold.paragraph]
