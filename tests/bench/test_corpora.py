"""Made-up corpora are the same for the same seed, and have the traits that they were asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from srdist.bench.corpora import CorpusSize, write_corpus
from srdist.errors import UserError
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TITLES, TOKENS
from srdist.trie import Trie
from tests.trie.corpora import write_trie

SIZE = CorpusSize(passages=900, titles=150, vocabulary=1000, near_duplicates=0.2, partitions=2)


def lists(folder: Path, table: str) -> list[list[int]]:
    return [row for part in open_partitions(folder / table) for row in part["tokens"].to_pylist()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/*.arrow"))}


def test_the_seed_decides(tmp_path: Path) -> None:
    for name, size in {"a": SIZE, "b": SIZE, "c": dataclasses.replace(SIZE, seed=1)}.items():
        write_corpus(tmp_path / name, size)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_it_has_the_size_and_a_trie(tmp_path: Path) -> None:
    write_corpus(tmp_path, SIZE)
    write_trie(tmp_path)
    trie = Trie.open(tmp_path)
    assert (trie.n_passages, trie.n_titles) == (900, 150)
    passages = lists(tmp_path, TOKENS)
    assert 140 < np.mean([len(tokens) for tokens in passages]) < 160
    assert max(map(max, passages)) < 998


def test_tokens_follow_zipfs_law(tmp_path: Path) -> None:
    write_corpus(tmp_path, dataclasses.replace(SIZE, near_duplicates=0.0))
    counts = np.bincount(np.concatenate(lists(tmp_path, TOKENS)), minlength=1000)
    assert counts[:10].sum() > counts[10:100].sum() * 0.7 and counts[:100].sum() > counts[100:].sum()


def test_titles_differ_and_share_words(tmp_path: Path) -> None:
    write_corpus(tmp_path, CorpusSize(passages=5000, titles=5000, vocabulary=300, partitions=1))
    titles = lists(tmp_path, TITLES)
    assert len(set(map(tuple, titles))) == 5000
    assert len({title[0] for title in titles}) < 300
    assert 1 <= min(map(len, titles)) and 2 < np.mean([len(title) for title in titles]) < 6


def test_near_duplicates_repeat_a_passage_of_their_title_but_for_a_few_tokens(tmp_path: Path) -> None:
    def share_of_near_duplicates(size: CorpusSize, folder: Path) -> float:
        write_corpus(folder, size)
        found = 0
        for titles, tokens in zip(open_partitions(folder / TITLES), open_partitions(folder / TOKENS), strict=True):
            rows = [np.array(row) for row in tokens["tokens"].to_pylist()]
            for first, count in zip(titles["first_passage"].to_pylist(), titles["passages"].to_pylist(), strict=True):
                group = rows[first : first + count]
                found += sum(
                    any(len(a) == len(b) and (a != b).sum() <= 3 for b in group[:number])
                    for number, a in enumerate(group)
                )
        return found / size.passages

    assert share_of_near_duplicates(dataclasses.replace(SIZE, near_duplicates=0.0), tmp_path / "none") == 0
    assert 0.3 < share_of_near_duplicates(dataclasses.replace(SIZE, near_duplicates=0.5), tmp_path / "half") < 0.5


def test_many_tokens_take_wider_types(tmp_path: Path) -> None:
    write_corpus(tmp_path, dataclasses.replace(SIZE, vocabulary=100_000))
    assert str(open_partitions(tmp_path / TOKENS)[0]["tokens"].type.value_type) == "uint32"


def test_every_title_needs_a_passage(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="151 titles for 150 passages"):
        write_corpus(tmp_path, CorpusSize(passages=150, titles=151))
