"""What cannot be added or removed is named, and the corpus stays as it was."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from srdist.config.schema import Config, DocumentSource
from srdist.errors import UserError
from srdist.growth.change import change_corpus, compact_corpus
from srdist.storage.corpus import corpus_counts, present, verified_corpus
from srdist.storage.manifest import read_manifest, write_manifest
from srdist.storage.stage import Stage
from srdist.storage.tables import PASSAGES, TITLES, TOKENS
from srdist.trie import Trie
from srdist.trie.stage import build_index
from tests.growth.compare import by_title
from tests.growth.runs import Document, make_config, make_run, source
from tests.tiny import make_tiny_model

pytestmark = pytest.mark.usefixtures("unsynced")

OLD: list[Document] = [
    {"id": "d1", "title": "Sea", "text": "The sea is salt. It is deep."},
    {"id": "d2", "title": "Salt", "text": "Salt of the earth."},
]
NEW: list[Document] = [{"id": "d3", "title": "Sea", "text": "Another sea."}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Config:
    return make_run(make_config(tmp_path_factory.mktemp("made") / "run", base), OLD)


@pytest.fixture
def run(made: Config, tmp_path: Path) -> Config:
    shutil.copytree(made.run_dir, tmp_path / "run")
    return made.model_copy(update={"output": tmp_path / "run"})


def refused(run: Config, what: str, added: DocumentSource | None = None, removed: tuple[str, ...] = ()) -> UserError:
    before = by_title(run.run_dir)
    with pytest.raises(UserError, match=what) as caught:
        change_corpus(run, added, removed)
    assert by_title(run.run_dir) == before
    return caught.value


def test_documents_are_added_once(run: Config, tmp_path: Path) -> None:
    new = source(tmp_path / "new.jsonl", NEW)
    change_corpus(run, new, [])
    error = refused(run, "1 of its documents are in the corpus already: d3", new)
    assert error.file == new.path and "--remove" in error.cure


def test_an_id_of_the_first_corpus_cannot_be_added_but_replaced(run: Config, tmp_path: Path) -> None:
    new = source(tmp_path / "new.jsonl", [{"id": "d1", "title": "Sea", "text": "A new text."}])
    refused(run, "in the corpus already: d1", new)
    assert not (run.run_dir / "growth").exists()
    counts = change_corpus(run, new, ["d1"])
    assert (counts["added"], counts["removed"], counts["documents"]) == (1, 1, 2)
    assert [row[2] for row in by_title(run.run_dir)["sea"]] == ["A new text."]


def test_documents_to_remove_must_be_there(run: Config) -> None:
    refused(
        run,
        r"7 of the documents to remove are not in the corpus: x0, x1, x2, x3, x4 \.\.\.",
        None,
        ("d1", *(f"x{number}" for number in range(7))),
    )
    change_corpus(run, None, ["d1"])
    refused(run, "not in the corpus: d1", None, ("d1",))
    assert present(run.run_dir, "document", ["d1", "d2"]) == {"d2"}


def test_something_must_be_left(run: Config) -> None:
    refused(run, "no document would be left", None, ("d1", "d2"))


def test_a_bad_record_stops_or_goes_into_quarantine(run: Config, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"id": "d4", "title": "no text"}) + "\n" + json.dumps(NEW[0]) + "\n")
    bad = DocumentSource(format="jsonl", path=path)
    assert refused(run, "lacks the field text", bad).line == 1
    skipping = run.model_copy(update={"corpus": run.corpus.model_copy(update={"on_bad_record": "skip"})})
    counts = change_corpus(skipping, bad, [])
    assert (counts["added"], counts["bad_records"]) == (1, 1)
    (quarantine,) = run.run_dir.glob("quarantine.added.*.jsonl")
    (entry,) = quarantine.read_text().splitlines()
    assert json.loads(entry)["line"] == 1
    change_corpus(skipping, source(tmp_path / "other.jsonl", [{**NEW[0], "id": "d5"}]), [])
    compact_corpus(skipping)
    assert quarantine.exists()


def test_any_format_can_be_added(run: Config, tmp_path: Path) -> None:
    (tmp_path / "docs.tsv").write_text("D1\thttps://example.org\tTides\tThe tides come and go.\n")
    change_corpus(run, DocumentSource(format="msmarco", path=tmp_path / "docs.tsv"), [])
    assert by_title(run.run_dir)["tides"][0][1] == "D1"


def test_a_missing_file(run: Config, tmp_path: Path) -> None:
    refused(run, "no such file", DocumentSource(format="jsonl", path=tmp_path / "absent.jsonl"))


def test_a_passage_that_leaves_no_room_for_a_query(run: Config, tmp_path: Path) -> None:
    new = source(tmp_path / "new.jsonl", [{"id": "long", "passages": ["word " * 3000]}])
    refused(run, "passage long-0 and its title have .* tokens; the model's context has room for", new)


@pytest.mark.parametrize(
    ("section", "change", "named"),
    [
        ("corpus", {"passage_words": 9}, "corpus.passage_words 4, it is 9 now"),
        ("templates", {"passage_separator": "|"}, "templates.passage_separator"),
        ("prepare", {"partitions": 3}, "prepare.partitions 2, it is 3 now"),
    ],
)
def test_another_config_than_the_runs(run: Config, tmp_path: Path, section: str, change: dict, named: str) -> None:
    other = run.model_copy(update={section: getattr(run, section).model_copy(update=change)})
    refused(other, named, source(tmp_path / "new.jsonl", NEW))


def test_another_tokenizer_than_the_runs(run: Config, tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "other", ["quite other words"], vocabulary=262)
    other = run.model_copy(update={"model": run.model.model_copy(update={"base": str(base)})})
    refused(other, "not the tokenizer", source(tmp_path / "new.jsonl", NEW))


def test_an_index_that_is_not_finished(run: Config, tmp_path: Path) -> None:
    (run.run_dir / "manifests" / "index.json").unlink()
    refused(run, "index has not finished", source(tmp_path / "new.jsonl", NEW))


def test_two_at_once(run: Config, tmp_path: Path) -> None:
    with Stage(run.run_dir, "index", {}, {}, ()).lock():
        refused(run, "another process", source(tmp_path / "new.jsonl", NEW))


def test_tables_that_were_made_again_since(run: Config, tmp_path: Path) -> None:
    change_corpus(run, source(tmp_path / "new.jsonl", NEW), [])
    prepare = read_manifest(run.run_dir, "prepare")
    prepare.files[f"{TOKENS}/part-00000-of-00002.arrow"]["sha256"] = "other"
    write_manifest(run.run_dir, prepare, ())
    for use in (Trie.open, corpus_counts, compact_corpus):
        with pytest.raises(UserError, match="made again since.*index --overwrite"):
            use(run if use is compact_corpus else run.run_dir)


def test_tables_that_were_made_again_before_the_first_change(run: Config, tmp_path: Path) -> None:
    prepare = read_manifest(run.run_dir, "prepare")
    prepare.files[f"{TOKENS}/part-00000-of-00002.arrow"]["sha256"] = "other"
    write_manifest(run.run_dir, prepare, ())
    assert "index --overwrite" in refused(run, "made from other tables", source(tmp_path / "new.jsonl", NEW)).cure


def test_a_damaged_file_is_named(run: Config, tmp_path: Path) -> None:
    change_corpus(run, source(tmp_path / "new.jsonl", NEW), [])
    path = run.run_dir / "growth" / "000001" / PASSAGES / "part-00002-of-00003.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    for use in (Trie.open, lambda run_dir: verified_corpus(run_dir, PASSAGES)):
        with pytest.raises(UserError, match="damaged") as caught:
            use(run.run_dir)
        assert caught.value.file == path


def test_the_digest_changes_with_every_change(run: Config) -> None:
    seen = [verified_corpus(run.run_dir, TITLES, PASSAGES)]
    change_corpus(run, None, ["d1"])
    seen.append(verified_corpus(run.run_dir, TITLES, PASSAGES))
    compact_corpus(run)
    seen.append(verified_corpus(run.run_dir, TITLES, PASSAGES))
    assert all(len({digests[name] for digests in seen}) == 3 for name in (TITLES, PASSAGES))


def test_nothing_to_compact_changes_nothing(run: Config) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.run_dir.rglob("*") if path.is_file()}
    compact_corpus(run)
    after = {path: path.stat().st_mtime_ns for path in run.run_dir.rglob("*") if path.name != ".index.lock"}
    assert before.items() <= after.items()


@pytest.mark.parametrize("damaged", ["000001/trie/titles.arrow", "manifests/index.json"])
def test_overwrite_goes_back_to_the_first_corpus_where_the_grown_one_is_damaged(
    run: Config, tmp_path: Path, damaged: str
) -> None:
    first = by_title(run.run_dir)
    change_corpus(run, source(tmp_path / "new.jsonl", NEW), [])
    build_index(run, overwrite=True)
    assert by_title(run.run_dir) != first
    (run.run_dir / "growth" / damaged).write_text("damaged")
    build_index(run, overwrite=True)
    assert by_title(run.run_dir) == first
