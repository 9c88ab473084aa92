"""Whatever is added and removed, the corpus is that of a fresh build; compacted, it is so byte for byte."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.growth import addition, workers
from srdist.growth.change import change_corpus, compact_corpus
from tests.growth.compare import assert_same_bytes, assert_same_corpus
from tests.growth.runs import Document, make_config, make_run, source

pytestmark = pytest.mark.usefixtures("unsynced")

TITLES = ["Sea", "sea", "Sea salt", "Salt", "", "Earth  and sea"]
"""two that are the same when normalised, one that begins another, none"""
TEXTS = ["The sea is salt.", "The sea is salt. It is deep.", "Salt.", "Salt of the earth is\nsalt of the earth."]
document = st.fixed_dictionaries({"title": st.sampled_from(TITLES), "text": st.sampled_from(TEXTS)})


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Document], list[Any]]:
    """A corpus, and what happens to it: (documents added, ids removed), or None for a compaction."""
    number = 0

    def some(least: int, most: int) -> list[Document]:
        nonlocal number
        made = [
            {"id": f"d{number + k}", **item}
            for k, item in enumerate(draw(st.lists(document, min_size=least, max_size=most)))
        ]
        number += len(made)
        return made

    first = some(1, 6)
    ids, events = [item["id"] for item in first], []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 3)) == 0:
            events.append(None)
            continue
        removed = draw(st.lists(st.sampled_from(ids), unique=True, max_size=len(ids)))
        again = draw(st.lists(st.sampled_from(removed), unique=True)) if removed else []
        added = some(0, 3) + [{"id": name, **draw(document)} for name in again]
        if not added and len(removed) == len(ids):
            removed = removed[1:]
        if added or removed:
            events.append((added, removed))
            ids = [name for name in ids if name not in removed] + [item["id"] for item in added]
    return first, events


def after(documents: list[Document], added: list[Document], removed: list[str]) -> list[Document]:
    return [item for item in documents if item["id"] not in removed] + added


@settings(max_examples=15)
@given(histories(), st.sampled_from([1, addition.DOCUMENTS]))
def test_any_history_equals_a_fresh_build(
    base: Path, history: tuple[list[Document], list[Any]], documents_of_a_partition: int
) -> None:
    documents, events = history
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(addition, "DOCUMENTS", documents_of_a_partition)
        folder = Path(name)
        grown = make_run(make_config(folder / "grown", base), documents)
        for number, event in enumerate(events):
            if event is None:
                compact_corpus(grown)
            else:
                added, removed = event
                change_corpus(grown, source(folder / f"{number}.jsonl", added) if added else None, removed)
                documents = after(documents, added, removed)
        fresh = make_run(make_config(folder / "fresh", base), documents)
        assert_same_corpus(grown, fresh)
        compact_corpus(grown)
        assert_same_bytes(grown, fresh)


@pytest.mark.slow
def test_many_documents_are_added_by_ray(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_of_the_session: None
) -> None:
    first, added = (
        [{"id": f"{name}{k}", "title": TITLES[k % len(TITLES)], "text": TEXTS[k % len(TEXTS)]} for k in range(5)]
        for name in "de"
    )
    grown = make_run(make_config(tmp_path / "grown", base), first)
    fresh = make_run(make_config(tmp_path / "fresh", base), first[1:] + added)
    monkeypatch.setattr(workers, "SMALL", -1)
    monkeypatch.setattr(addition, "DOCUMENTS", 2)
    change_corpus(grown, source(tmp_path / "added.jsonl", added), ["d0"])
    assert_same_corpus(grown, fresh)
    compact_corpus(grown)
    assert_same_bytes(grown, fresh)
