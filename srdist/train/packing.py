"""Several examples in one row, without padding: which go together, and the arrays of a row."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from srdist.train.data import Examples

OPEN_ROWS = 64
"""Rows that still take examples at any time."""


def pack(lengths: np.ndarray, row_tokens: int, open_rows: int = OPEN_ROWS) -> np.ndarray:
    """Assign examples, in their order, to rows: each to the unfinished row that it fills best.

    Args:
        lengths: [examples] tokens of each, at most `row_tokens`.
        row_tokens: tokens of a full row.
        open_rows: largest number of unfinished rows; where a new one is needed, the fullest is finished.

    Returns:
        [examples] int64, the row of each; rows are numbered in the order of their first example.
    """
    rows = np.empty(len(lengths), dtype=np.int64)
    rooms: list[int] = []  # free tokens of the unfinished rows, ascending
    numbers: list[int] = []
    opened = 0
    for example, length in enumerate(lengths.tolist()):
        slot = bisect_left(rooms, length)
        if slot < len(rooms):
            room, number = rooms.pop(slot), numbers.pop(slot)
        else:
            if len(rooms) == open_rows:
                del rooms[0], numbers[0]
            room, number, opened = row_tokens, opened, opened + 1
        rows[example] = number
        slot = bisect_left(rooms, room - length)
        rooms.insert(slot, room - length)
        numbers.insert(slot, number)
    return rows


@dataclass(frozen=True)
class Row:
    """What one forward takes.

    Attributes:
        tokens: [tokens] int64, the examples one after the other.
        positions: [tokens] int64, starting from 0 at each example.
        predicting: [targets] int64, positions in the row whose logits predict a trained token.
        targets: [targets] int64, those trained tokens.
        tasks: [targets] int64, the task of each, an index into `storage.tables.TASKS`.
    """

    tokens: np.ndarray
    positions: np.ndarray
    predicting: np.ndarray
    targets: np.ndarray
    tasks: np.ndarray


def make_row(examples: Examples, indexes: np.ndarray, row_tokens: int) -> Row:
    """Join examples to a row, each cut at `row_tokens`."""
    pieces = [examples.tokens(index)[:row_tokens].astype(np.int64) for index in indexes]
    tokens = np.concatenate(pieces)
    positions = np.concatenate([np.arange(len(piece)) for piece in pieces])
    prompts = np.repeat(np.maximum(examples.prompts[indexes], 1), [len(piece) for piece in pieces])
    trained = np.flatnonzero(positions >= prompts)
    tasks = np.repeat(examples.tasks[indexes], [len(piece) for piece in pieces])
    return Row(tokens, positions, trained - 1, tokens[trained], tasks[trained].astype(np.int64))


def idle_row() -> Row:
    """Return the shortest row with a target: a rank without work runs it with weight zero."""
    one, two = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    return Row(two, np.arange(2), one, one, one)
