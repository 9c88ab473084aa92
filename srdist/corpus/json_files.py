"""JSON in three layouts: one record a line, one array of records, one value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.lines import read_lines, text_blocks
from srdist.errors import UserError

ENDS_ITEM = tuple(" \t\r\n,]")
DAMAGED = "correct the file, or correct `format` in the config"


def json_lines(path: Path, bad: BadRecords) -> Iterator[RawRecord]:
    """Give the JSON value of each line; blank lines are passed over, other lines that are not JSON are bad."""
    for record in read_lines(path, bad):
        try:
            value = json.loads(record.value)
        except (ValueError, RecursionError) as error:
            bad.add(record, f"not valid JSON ({_explain(error)})", "correct the line, one JSON object each")
        else:
            yield RawRecord(value, path, record.line, raw=record.raw)


def json_value(path: Path) -> Any:
    """Return the one JSON value of a file.

    Raises:
        UserError: it is not valid JSON.
    """
    try:
        return json.loads("".join(text_blocks(path)))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(f"not valid JSON ({_explain(error)})", file=path, line=line, cure=DAMAGED) from None


def json_array(path: Path) -> Iterator[RawRecord]:
    """Give the items of a JSON array one by one, without holding the file in memory.

    Raises:
        UserError: the file is not one valid JSON array.
    """
    scanner = _Scanner(path)
    scanner.expect("[")
    more = not scanner.skips("]")
    number = 0
    while more:
        number += 1
        yield scanner.item(number)
        more = scanner.skips(",")
    if number:
        scanner.expect("]")
    if scanner.peek():
        raise scanner.error("there is more after the array")


class _Scanner:
    """A window that moves over a JSON text."""

    def __init__(self, path: Path):
        self.path, self.line = path, 1
        self._blocks = text_blocks(path)
        self._text, self._at = "", 0
        self._decode = json.JSONDecoder().raw_decode

    def error(self, what: str) -> UserError:
        return UserError(f"not a valid JSON array ({what})", file=self.path, line=self.line, cure=DAMAGED)

    def peek(self) -> str:
        """Return the next character that is not white space, or nothing at the end."""
        while True:
            rest = len(self._text) - self._at
            start = next((i for i in range(self._at, len(self._text)) if not self._text[i].isspace()), None)
            self._move(self._at + rest if start is None else start)
            if start is not None:
                return self._text[start]
            if not self._grow():
                return ""

    def skips(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self._move(self._at + 1)
        return True

    def expect(self, wanted: str) -> None:
        if not self.skips(wanted):
            raise self.error(f"{wanted} is missing here")

    def item(self, number: int) -> RawRecord:
        """Read one value; take more of the file until it is whole."""
        self.peek()
        line = self.line
        while True:
            try:
                value, end = self._decode(self._text, self._at)
                cut = self._text[end : end + 1] not in ENDS_ITEM
            except (ValueError, RecursionError) as error:
                if not self._grow():
                    raise self.error(_explain(error)) from None
                continue
            if not cut or not self._grow():
                self._move(end)
                return RawRecord(value, self.path, line, name=f"record {number}")

    def _move(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to

    def _grow(self) -> bool:
        """Forget what was read and at least double what is left, so that work stays linear."""
        parts = [self._text[self._at :]]
        wanted = 2 * len(parts[0]) + 1
        for block in self._blocks:
            parts.append(block)
            if sum(map(len, parts)) >= wanted:
                break
        grown = any(parts[1:])
        self._text, self._at = "".join(parts), 0
        return grown


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
