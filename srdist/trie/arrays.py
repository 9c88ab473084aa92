"""Packed arrays in one Arrow file, opened by mmap without a copy."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partition, write_partition
from srdist.trie.packed import Bits, Packed

CURE = "run `srdist index --overwrite`"
_ABOUT, _SIZES = b"about", b"sizes"


def write_arrays(path: Path, arrays: dict[str, Bits | Packed], about: dict[str, Any]) -> None:
    """Write the words of all arrays, one after the other; `about` is kept as the file's metadata."""
    words = [part for array in arrays.values() for part in array]
    sizes = {name: [len(part) for part in array] for name, array in arrays.items()}
    metadata = {_ABOUT: json.dumps(about, sort_keys=True), _SIZES: json.dumps(sizes)}
    schema = pa.schema([("words", pa.uint64())]).with_metadata(metadata)
    write_partition(path, [pa.table([pa.array(np.concatenate(words))], schema=schema)], schema)


def open_arrays(path: Path, kinds: dict[str, type]) -> tuple[dict[str, Bits | Packed], dict[str, Any]]:
    """Map a file of `write_arrays` into memory; return its read-only arrays and what is said about them.

    Args:
        path: the file.
        kinds: the arrays that it should have, `Bits` or `Packed`.

    Raises:
        UserError: the file is missing or damaged, or its arrays are others.
    """
    table = open_partition(path)
    metadata = table.schema.metadata or {}
    sizes = json.loads(metadata.get(_SIZES, b"{}"))
    ends = np.cumsum([0, *(size for pair in sizes.values() for size in pair)])
    if table.column_names != ["words"] or list(sizes) != list(kinds) or ends[-1] != len(table):
        raise UserError("not a file of this version's trie", file=path, cure=CURE)
    words = table["words"].chunk(0).to_numpy()
    parts = iter([words[begin:end] for begin, end in itertools.pairwise(ends)])
    return {name: kind(next(parts), next(parts)) for name, kind in kinds.items()}, json.loads(metadata[_ABOUT])
