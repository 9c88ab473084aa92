"""Partitions are there whole or not at all."""

import pyarrow as pa
import pytest

from srdist.errors import UserError
from srdist.storage.files import written_aside
from srdist.storage.partitions import open_partition, open_partitions, partition_path, write_partition

SCHEMA = pa.schema([("number", pa.int32())])


def table(*numbers):
    return pa.table({"number": numbers}, schema=SCHEMA)


def test_partitions_come_back_in_order(tmp_path):
    for index in (2, 0, 1):
        assert write_partition(partition_path(tmp_path, index, 3), [table(index), table(index)], SCHEMA) == 2
    assert [part["number"].to_pylist() for part in open_partitions(tmp_path)] == [[0, 0], [1, 1], [2, 2]]
    assert partition_path(tmp_path, 2, 3).name == "part-00002-of-00003.arrow"


def test_an_empty_partition_keeps_its_schema(tmp_path):
    write_partition(tmp_path / "part-00000-of-00001.arrow", [], SCHEMA)
    (part,) = open_partitions(tmp_path)
    assert part.schema == SCHEMA
    assert part.num_rows == 0


def test_a_failing_writer_leaves_nothing(tmp_path):
    path = tmp_path / "part.arrow"

    def tables():
        yield table(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_partition(path, tables(), SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_rewrite_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_aside(path) as aside:
        aside.write_text("new")
        raise RuntimeError
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_missing_partition_is_named(tmp_path):
    for index in (0, 2):
        write_partition(partition_path(tmp_path, index, 3), [table(1)], SCHEMA)
    with pytest.raises(UserError, match="part-00001-of-00003.arrow: a partition is missing"):
        open_partitions(tmp_path)


def test_partitions_of_two_layouts_are_refused(tmp_path):
    write_partition(partition_path(tmp_path, 0, 1), [table(1)], SCHEMA)
    write_partition(partition_path(tmp_path, 0, 2), [table(1)], SCHEMA)
    with pytest.raises(UserError, match="missing or too many"):
        open_partitions(tmp_path)


def test_a_truncated_file_is_named(tmp_path):
    path = partition_path(tmp_path, 0, 1)
    write_partition(path, [table(*range(1000))], SCHEMA)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="part-00000-of-00001.arrow: not a whole Arrow file"):
        open_partition(path)
