"""Gold that the corpus lacks is counted, listed, and an error above a share of the queries."""

from __future__ import annotations

from pathlib import Path

import pytest

from srdist.config.schema import CorpusConfig
from srdist.corpus.missing_gold import check_gold
from srdist.errors import UserError
from tests.corpus.files import corpus, write_jsonl


def sources(folder: Path, **settings: object) -> CorpusConfig:
    records = [{"id": str(n), "title": f"Title {n}", "text": f"Text {n}."} for n in range(20)]
    queries = [
        {"id": "found", "text": "a?", "documents": ["17"]},
        {"id": "by-title", "text": "b?", "title": "TITLE  4"},
        {"id": "partly", "text": "c?", "documents": ["3", "lost"]},
        {"id": "away", "text": "d?", "documents": ["gone", "lost"], "split": "train"},
        {"id": "none", "text": "e?"},
    ]
    documents = [{"format": "jsonl", "path": write_jsonl(folder / "d.jsonl", records)}]
    split = {"split": "test"} if not settings.get("sample") else {"split": "hash", "test_share": 0.0}
    return corpus(
        documents, [{"format": "jsonl", "path": write_jsonl(folder / "q.jsonl", queries), **split}], **settings
    )


def test_queries_that_lack_gold_are_counted_and_named(tmp_path: Path) -> None:
    what = r"2 of 5 queries have no gold passage in the corpus: away \(gone, lost\), none \(names none\) -- correct"
    with pytest.raises(UserError, match=what):
        check_gold(sources(tmp_path))


def test_all_missing_gold_is_listed(tmp_path: Path) -> None:
    listing = tmp_path / "missing.tsv"
    with pytest.raises(UserError, match="missing.tsv: 2 of 5"):
        check_gold(sources(tmp_path), listing)
    assert listing.read_text() == "partly\tlost\naway\tgone, lost\nnone\t\n"


def test_a_share_may_be_missing(tmp_path: Path) -> None:
    check_gold(sources(tmp_path, max_missing_gold=0.4))
    with pytest.raises(UserError):
        check_gold(sources(tmp_path, max_missing_gold=0.39))


def test_with_a_sample_only_test_queries_count(tmp_path: Path) -> None:
    check_gold(sources(tmp_path, sample={"documents": 10}))


def test_a_list_that_is_not_true_any_more_is_removed(tmp_path: Path) -> None:
    config = sources(tmp_path)
    (tmp_path / "missing.tsv").write_text("old\n")
    write_jsonl(tmp_path / "q.jsonl", [{"id": "found", "text": "a?", "documents": ["17"]}])
    check_gold(config, tmp_path / "missing.tsv")
    assert not (tmp_path / "missing.tsv").exists()


@pytest.mark.parametrize("titles", [{"constant": "passage"}, {"replace": True}])
def test_gold_by_title_needs_the_titles_that_documents_have(tmp_path: Path, titles: dict) -> None:
    what = f"query by-title names its gold by title, but corpus.titles.{next(iter(titles))} gives documents other"
    with pytest.raises(UserError, match=what):
        check_gold(sources(tmp_path, titles=titles, max_missing_gold=1.0))
