"""Arrow IPC partitions: `part-00000-of-00008.arrow`, written atomically, opened by mmap."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.files import written_aside


def partition_path(folder: Path, index: int, count: int) -> Path:
    """Return the path of partition `index` (from 0) of `count` in a folder."""
    return folder / f"part-{index:05d}-of-{count:05d}.arrow"


def partition_paths(folder: Path) -> list[Path]:
    """Return the paths of a folder's partitions in order.

    Raises:
        UserError: there is none, or one of them is missing.
    """
    found = sorted(folder.glob("part-*-of-*.arrow"))
    if not found:
        raise UserError("no partitions here", file=folder, cure="run the stage that writes them")
    count = int(re.search(r"-of-(\d+)\.arrow$", found[0].name)[1])
    wanted = [partition_path(folder, index, count) for index in range(count)]
    missing = sorted(set(wanted) - set(found)) or sorted(set(found) - set(wanted))
    if missing:
        raise UserError("a partition is missing or too many", file=missing[0], cure="run its stage with --overwrite")
    return wanted


def write_partition(path: Path, tables: Iterable[pa.Table | pa.RecordBatch], schema: pa.Schema) -> int:
    """Write tables one after the other into one Arrow IPC file, atomically; return the rows."""
    rows = 0
    with written_aside(path) as aside:
        with pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for table in tables:
                writer.write(table)
                rows += table.num_rows
    return rows


def open_partition(path: Path) -> pa.Table:
    """Map an Arrow IPC file into memory without reading it.

    Raises:
        UserError: the file is not there or damaged.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"not a whole Arrow file ({error})", file=path, cure="run its stage with --overwrite") from None


def open_partitions(folder: Path) -> list[pa.Table]:
    """Map all partitions of a folder, in order."""
    return [open_partition(path) for path in partition_paths(folder)]
