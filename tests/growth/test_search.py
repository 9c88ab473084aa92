"""What is added is found though nobody trained on it, what is removed is not: from the command line to the search."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from srdist.config.load import save_config
from srdist.config.schema import Config
from srdist.decode import Retrieval, SelfRetriever
from srdist.prepare.stage import prepare
from srdist.trie.stage import build_index
from tests.growth.compare import assert_same_bytes, assert_same_corpus
from tests.growth.runs import Document, make_config, write_model
from tests.tiny_run import write_lines

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]

TEXT = "Nobody trained\ton thïs  passage."
OLD: list[Document] = [
    {"id": f"d{number}", "title": title, "text": f"The {title} number {number}. It is {number} years old."}
    for number, title in enumerate(["sea", "salt", "earth", "sea", "river", "moon", "salt lake"])
]
NEW: list[Document] = [
    {"id": "new", "title": "Tides", "passages": [TEXT]},
    {"id": "more", "title": "The  sea", "text": "A sea of another name."},
    {"id": "same", "title": "sea", "text": "One more sea."},
]
QUERIES = ["what is salt?", "tides", "how old is the sea"]


def prepared(folder: Path, base: Path, documents: list[Document]) -> Config:
    """Return a run made by the stages `prepare` and `index`, with the base model as the trained one."""
    config = make_config(folder, base)
    write_lines(config.corpus.documents[0].path, documents)
    prepare(config)
    build_index(config)
    write_model(config)
    save_config(config, config.run_dir / "config.yaml")
    return config


def srdist(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "srdist.cli", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stderr


def found(config: Config) -> list[Retrieval]:
    retriever = SelfRetriever.load(config.run_dir)
    return [dataclasses.replace(result, seconds=0.0) for result in retriever.search(QUERIES, 100)]


def texts(results: list[Retrieval]) -> set[tuple[str, str, str]]:
    return {(item.passage_id, item.title, item.text) for result in results for item in result.candidates}


def assert_same_results(mine: list[Retrieval], theirs: list[Retrieval]) -> None:
    for one, other in zip(mine, theirs, strict=True):
        assert [item.passage_id for item in one.candidates] == [item.passage_id for item in other.candidates]
        for candidate, expected in zip(one.candidates, other.candidates, strict=True):
            assert candidate.text == expected.text
            assert candidate.score == pytest.approx(expected.score, rel=1e-5)


def test_add_search_remove_compact(tmp_path: Path, base: Path) -> None:
    run = prepared(tmp_path / "run", base, OLD)
    write_lines(tmp_path / "new.jsonl", NEW)
    assert not any(text == TEXT for _, _, text in texts(found(run)))

    said = srdist("index", run.run_dir, "--add", tmp_path / "new.jsonl", "--remove", "d1")
    assert "3 documents added, 1 removed" in said and "the corpus: 9 documents, 7 titles" in said
    fresh = prepared(tmp_path / "fresh", base, [item for item in OLD if item["id"] != "d1"] + NEW)
    assert_same_corpus(run, fresh)
    results = found(run)
    assert ("new-0", "tides", TEXT) in texts(results)
    assert not any(name.startswith("d1-") for name, _, _ in texts(results))
    assert_same_results(results, found(fresh))

    (tmp_path / "ids.txt").write_text("new\nmore\n")
    srdist("index", run.run_dir / "config.yaml", "--remove", f"@{tmp_path / 'ids.txt'}", "--compact")
    rest = [item for item in OLD if item["id"] != "d1"] + NEW[2:]
    smaller = prepared(tmp_path / "smaller", base, rest)
    assert_same_bytes(run, smaller)
    assert found(run) == found(smaller)
    assert not any(text == TEXT for _, _, text in texts(found(run)))
