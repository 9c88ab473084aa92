"""Dictionaries in dictd's format and an encyclopedia become one corpus of the format `jsonl`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from srdist.bench.dictionaries import DICTIONARIES, corpus, entries
from srdist.errors import UserError


def write_dictionary(folder: Path, name: str, texts: list[tuple[list[str], str]]) -> None:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def base64(number: int) -> str:
        return (base64(number // 64) if number >= 64 else "") + digits[number % 64]

    data, lines = b"", []
    for headwords, text in [(["00-database-info"], "about"), *texts]:
        lines += [f"{word}\t{base64(len(data))}\t{base64(len(text.encode()))}" for word in headwords]
        data += text.encode()
    (folder / f"{name}.index").write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")
    (folder / f"{name}.dict.dz").write_bytes(gzip.compress(data))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in DICTIONARIES:
        texts = [([f"{name} {number}"], f"{name} {number}\n  a text\n  of it\n\n  more") for number in range(100)]
        write_dictionary(tmp_path, name, texts)
    with gzip.open(tmp_path / "wiki.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(
            "".join(json.dumps({"id": f"w{n}", "title": f"W{n}", "paragraphs": ["x"]}) + "\n" for n in range(10))
        )
    return tmp_path


def test_an_entry_has_the_headword_that_it_begins_with(tmp_path: Path) -> None:
    write_dictionary(
        tmp_path, "wn", [(["bank law", "Law", "law of Café"], "law \\law\\ n.\n   a rule\n\n   Syn: café\n")]
    )
    (entry,) = entries(tmp_path, "wn")
    assert entry == {"id": "wn-5", "title": "Law", "text": "law \\law\\ n. a rule\nSyn: café"}


def test_the_encyclopedia_comes_first_and_entries_are_taken_from_all_over(folder: Path) -> None:
    found = [json.loads(line) for line in corpus(folder / "wiki.jsonl.gz", folder, 40)]
    assert [document["id"] for document in found[:10]] == [f"w{number}" for number in range(10)]
    assert len({document["id"] for document in found}) == 40
    assert [sum(document["id"].startswith(name) for document in found) for name in DICTIONARIES] == [10, 10, 10]
    assert len(list(corpus(folder / "wiki.jsonl.gz", folder, 7))) == 7


def test_what_is_missing_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match="311 documents wanted, but only 310 found"):
        list(corpus(folder / "wiki.jsonl.gz", folder, 311))
    with pytest.raises(UserError, match="install Debian's dict-gone"):
        entries(folder, "gone")
    (folder / "wn.index").write_text("word\tA\n")
    with pytest.raises(UserError, match="not a line of a dictd index") as caught:
        entries(folder, "wn")
    assert caught.value.line == 1


def test_an_encyclopedia_with_enough_documents_needs_no_dictionaries(folder: Path, tmp_path: Path) -> None:
    assert len(list(corpus(folder / "wiki.jsonl.gz", tmp_path / "absent", 10))) == 10


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: data[:10] + b"\xff" * 20])
def test_a_damaged_gzip_file_is_named(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    for file in (folder / "wiki.jsonl.gz", folder / "wn.dict.dz"):
        file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"wiki\.jsonl\.gz: not a gzip file of documents"):
        list(corpus(folder / "wiki.jsonl.gz", folder, 7))
    with pytest.raises(UserError, match="cannot read a dictionary"):
        entries(folder, "wn")
