"""Named numpy arrays of different lengths in one Arrow file, opened by mmap without a copy."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partition, write_partition

CURE = "run `srdist index --overwrite`"
_ABOUT = b"about"


def write_arrays(path: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write each array as a column that has one row, a list; `about` is kept as the file's metadata."""
    columns = {
        name: pa.LargeListArray.from_arrays(pa.array([0, len(array)], pa.int64()), pa.array(array))
        for name, array in arrays.items()
    }
    schema = pa.schema([(name, column.type) for name, column in columns.items()])
    schema = schema.with_metadata({_ABOUT: json.dumps(about, sort_keys=True)})
    write_partition(path, [pa.Table.from_arrays(list(columns.values()), schema=schema)], schema)


def open_arrays(path: Path, names: Collection[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Map a file of `write_arrays` into memory; return its read-only arrays and what is said about them.

    Raises:
        UserError: the file is missing or damaged, or its arrays are not `names`.
    """
    table = open_partition(path)
    about = (table.schema.metadata or {}).get(_ABOUT)
    if table.column_names != list(names) or table.num_rows != 1 or about is None:
        raise UserError("not a file of this version's trie", file=path, cure=CURE)
    arrays = {name: table[name].chunk(0).values.to_numpy(zero_copy_only=True) for name in names}
    return arrays, json.loads(about)


def offsets(counts: np.ndarray) -> np.ndarray:
    """Return where each of some runs begins and the last one ends, int64 [n + 1], from their lengths [n]."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def narrow(values: np.ndarray, types: str = "u1 u2 u4 i8") -> np.ndarray:
    """Return the integers in the first of the types that holds them all."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for name in types.split():
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return values.astype(name)
    raise OverflowError(f"no type of {types} holds {low} to {high}")
