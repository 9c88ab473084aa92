"""What does not belong together is refused, with the file that is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from srdist.errors import UserError
from srdist.storage.manifest import read_manifest, write_manifest
from srdist.storage.partitions import open_partition, partition_path, write_partition
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.trie import Trie
from srdist.trie.arrays import open_arrays, write_arrays
from srdist.trie.packed import Bits, Packed, bit, pack, pack_bits, unpack
from srdist.trie.stage import partition_count
from tests.trie.corpora import Partitions, make_run, write_tables, write_trie

CORPUS: Partitions = [[([5, 6], [[8, 9], [8, 7]])], [([5, 7], [[8], [8, 8]]), ([9], [[2]])]]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", CORPUS)


def refused(run_dir: Path, what: str) -> UserError:
    with pytest.raises(UserError, match=what) as caught:
        Trie.open(run_dir)
    return caught.value


def renew_manifest(run_dir: Path, stage: str, *folders: str) -> None:
    manifest = read_manifest(run_dir, stage)
    manifest.files = {}
    write_manifest(run_dir, manifest, folders)


@pytest.mark.parametrize("name", ["titles.arrow", "part-00001-of-00002.arrow"])
@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_truncated_file(run_dir: Path, name: str, size: int) -> None:
    path = run_dir / TRIE / name
    path.write_bytes(path.read_bytes()[:size])
    assert refused(run_dir, "damaged").file == path
    renew_manifest(run_dir, "index", TRIE)
    assert refused(run_dir, "not a whole Arrow file").file == path


@pytest.mark.parametrize("folder", [TRIE, TITLES, TOKENS])
def test_a_missing_partition(run_dir: Path, folder: str) -> None:
    path = partition_path(run_dir / folder, 1, 2)
    path.unlink()
    assert refused(run_dir, "missing").file == path


def test_an_index_that_is_not_finished(tmp_path: Path) -> None:
    write_tables(tmp_path, CORPUS)
    refused(tmp_path, "index has not finished")


@pytest.mark.parametrize("name", ["titles.arrow", "part-00001-of-00002.arrow"])
def test_a_file_of_another_corpus(run_dir: Path, tmp_path: Path, name: str) -> None:
    other = make_run(tmp_path / "other", [CORPUS[0], [([5, 7], [[8], [8, 8]]), ([9], [[3]])]])
    shutil.copy(other / TRIE / name, run_dir / TRIE / name)
    assert refused(run_dir, "another corpus").file.parent == run_dir / TRIE


def test_a_partition_in_the_place_of_another(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, [CORPUS[0], CORPUS[0]])
    parts = [partition_path(run_dir / TRIE, index, 2) for index in (0, 1)]
    shutil.copy(parts[0], parts[1])
    assert refused(run_dir, "another corpus or partition").file == parts[1]


def test_tables_made_again_after_the_trie(run_dir: Path) -> None:
    write_tables(run_dir, [CORPUS[0], [([5, 7], [[8], [8, 8]]), ([9], [[3]])]])
    refused(run_dir, "made before")


def test_arrays_of_another_kind(run_dir: Path) -> None:
    path = run_dir / TRIE / "titles.arrow"
    shutil.copy(partition_path(run_dir / TITLES, 0, 2), path)
    renew_manifest(run_dir, "index", TRIE)
    assert refused(run_dir, "not a file of this version's trie").file == path


def without_last_row(path: Path) -> None:
    table = open_partition(path)
    rows = table.slice(0, len(table) - 1).to_pylist()
    write_partition(path, [type(table).from_pylist(rows, table.schema)], table.schema)


@pytest.mark.parametrize("folder", [TITLES, TOKENS])
def test_titles_and_tokens_of_different_passages(tmp_path: Path, folder: str) -> None:
    write_tables(tmp_path, CORPUS)
    without_last_row(partition_path(tmp_path / folder, 1, 2))
    with pytest.raises(UserError, match=r"rows, but its titles have . passages"):
        write_trie(tmp_path)


def test_a_title_without_passages(tmp_path: Path) -> None:
    write_tables(tmp_path, [[([5], [[8]]), ([6], [])]])
    with pytest.raises(UserError, match="a title has no passages"):
        write_trie(tmp_path)


def test_a_corpus_without_titles(tmp_path: Path) -> None:
    write_tables(tmp_path, [[], []])
    with pytest.raises(UserError, match="no titles"):
        write_trie(tmp_path)


def test_different_numbers_of_partitions(tmp_path: Path) -> None:
    write_tables(tmp_path, CORPUS)
    shutil.rmtree(tmp_path / TITLES)
    write_partition(
        partition_path(tmp_path / TITLES, 0, 1), [], open_partition(partition_path(tmp_path / TOKENS, 0, 2)).schema
    )
    with pytest.raises(UserError, match="1 partitions of titles, but 2 of tokens"):
        partition_count(tmp_path)


def test_a_vocabulary_that_the_token_type_does_not_hold(tmp_path: Path) -> None:
    write_tables(tmp_path, CORPUS)
    write_trie(tmp_path, vocabulary=1 << 16)
    with pytest.raises(UserError, match="the tokenizer has 65537 tokens, the file holds uint16 ones, up to 65535"):
        write_trie(tmp_path, vocabulary=(1 << 16) + 1)


def test_tokens_of_another_tokenizer(tmp_path: Path) -> None:
    write_tables(tmp_path, CORPUS)
    write_trie(tmp_path, vocabulary=10)
    with pytest.raises(UserError, match="token 9 is not of the tokenizer, which has 9"):
        write_trie(tmp_path, vocabulary=9)


def test_arrays_come_back_without_a_copy(tmp_path: Path) -> None:
    path, values, bits = tmp_path / "x.arrow", np.arange(1000) ** 2, np.arange(1000) % 3 == 0
    arrays = {"values": pack(values), "none": pack(values[:0]), "bits": pack_bits(bits)}
    write_arrays(path, arrays, {"n": 1})
    found, about = open_arrays(path, {"values": Packed, "none": Packed, "bits": Bits})
    assert about == {"n": 1}
    assert unpack(found["values"], 0, 1000).tolist() == values.tolist()
    assert [bit(found["bits"], index) for index in range(1000)] == bits.tolist()
    assert not any(part.flags.owndata or part.flags.writeable for array in found.values() for part in array)
    with pytest.raises(UserError, match="not a file of this version's trie"):
        open_arrays(path, {"values": Packed})
