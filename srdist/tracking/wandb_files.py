"""W&B's offline runs: where they lie, and what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEADER, BLOCK, CHUNK_HEADER = 7, 32768, 7
WHOLE, LAST = 1, 4
"""kinds of a chunk that end a record"""


def run_files(run_dir: Path, run_id: str = "*") -> list[Path]:
    """Return the files of the W&B runs below a run's folder, or of all parts of one of them, oldest first."""
    return sorted((run_dir / "wandb").glob(f"*run-*-{run_id}/run-*.wandb"))


def read_records(path: Path) -> Iterator[Any]:
    """Give the `wandb_internal_pb2.Record`s of a run's file: LevelDB's log format after a header of 7 bytes.

    The end that a killed process left torn is not given.
    """
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, pieces = path.read_bytes(), HEADER, b""
    while position + CHUNK_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < CHUNK_HEADER:
            position += left
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        position += CHUNK_HEADER
        if position + length > len(data):
            return
        pieces += data[position : position + length]
        position += length
        if kind in (WHOLE, LAST):
            try:
                yield Record.FromString(pieces)
            except DecodeError:
                return
            pieces = b""


def read_history(path: Path) -> Iterator[dict[str, Any]]:
    """Give the rows that a run logged, as key -> value."""
    for record in read_records(path):
        if record.HasField("history"):
            items = record.history.item
            yield {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
