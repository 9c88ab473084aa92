"""Every stage that reads the corpus sees what was added, misses what was removed, and notices that it changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from srdist.baselines.passages import read_passages
from srdist.config.schema import Config
from srdist.decode.corpus import PassageTable, longest_sequence
from srdist.decode.stage import retrieve
from srdist.errors import UserError
from srdist.evaluate.records import documents_of, read_judged_queries
from srdist.growth.change import change_corpus, compact_corpus
from srdist.storage.manifest import read_manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.runs import read_run
from srdist.storage.tables import QUERIES, queries_schema
from srdist.trie import Trie
from tests.growth.runs import Document, make_config, make_run, source

pytestmark = pytest.mark.usefixtures("unsynced")

OLD: list[Document] = [
    {"id": "d1", "title": "Sea", "text": "The sea is salt."},
    {"id": "d2", "title": "Salt", "text": "Salt of the earth is the saltiest of all salts."},
    {"id": "d3", "title": "Sea", "text": "The sea is deep."},
]
NEW: list[Document] = [{"id": "d4", "title": "Moon", "text": "The moon is far away."}]


@pytest.fixture
def run(tmp_path: Path, base: Path) -> Config:
    """Three documents, and two test queries: about d1 and d3, about d1 alone."""
    config = make_run(make_config(tmp_path / "run", base), OLD)
    rows = [
        {"id": f"q{number}", "text": "what is salt?", "split": "test", "answers": ["sea"], "gold_documents": gold}
        | {"gold_passages": [f"{document}-0" for document in gold], "gold_titles": ["sea"]}
        for number, gold in enumerate([["d1", "d3"], ["d1"]])
    ]
    write_partition(
        partition_path(config.run_dir / QUERIES, 0, 1), [pa.Table.from_pylist(rows, queries_schema())], queries_schema()
    )
    write_manifest(config.run_dir, read_manifest(config.run_dir, "prepare"), (QUERIES,))
    return config


def change(run: Config) -> None:
    change_corpus(run, source(run.run_dir.with_name("new.jsonl"), NEW), ["d1"])


@pytest.mark.parametrize("compacted", [False, True])
def test_baselines_and_evaluation_read_the_living(run: Config, compacted: bool) -> None:
    change(run)
    if compacted:
        compact_corpus(run)
    passages = read_passages(run.run_dir)
    assert sorted(passages.ids) == ["d2-0", "d2-1", "d2-2", "d3-0", "d4-0", "d4-1"]
    assert "moon The moon is far" in passages.texts
    judged = {query.id: query for query in read_judged_queries(run.run_dir)}
    assert (judged["q0"].documents, judged["q0"].passages, judged["q0"].titles) == (["d3"], ["d3-0"], ["sea"])
    assert (judged["q1"].documents, judged["q1"].passages, judged["q1"].titles) == ([], [], [])
    assert documents_of(run.run_dir, ["d4-1", "d3-0"]) == {"d4-1": "d4", "d3-0": "d3"}
    with pytest.raises(UserError, match="d1-0, which is not in the corpus"):
        documents_of(run.run_dir, ["d1-0"])


def test_passages_are_found_by_their_numbers_and_the_longest_is_a_living_one(run: Config) -> None:
    longest = longest_sequence(run.run_dir)
    change(run)
    trie, table = Trie.open(run.run_dir), PassageTable(run.run_dir)
    found = [table[passage] for title in range(trie.n_titles) for passage in trie.passages_of(title)]
    assert sorted((passage.title, passage.id) for passage in found) == [
        ("moon", "d4-0"),
        ("moon", "d4-1"),
        ("salt", "d2-0"),
        ("salt", "d2-1"),
        ("salt", "d2-2"),
        ("sea", "d3-0"),
    ]
    assert longest_sequence(run.run_dir) > longest
    change_corpus(run, None, ["d4"])
    assert longest_sequence(run.run_dir) == longest


@pytest.mark.slow
def test_retrieve_notices_and_the_model_stays(run: Config) -> None:
    retrieve(run)
    change(run)
    read_manifest(run.run_dir, "train").verify(run.run_dir)
    with pytest.raises(UserError, match="input passages changed.*--overwrite"):
        retrieve(run)
    retrieve(run, overwrite=True)
    ids = {passage for ranking in read_run(run.run_dir / "retrieve" / "run.trec").values() for passage in ranking}
    assert ids == {"d2-0", "d2-1", "d2-2", "d3-0", "d4-0", "d4-1"}
    assert retrieve(run).counts["queries"] == 2
