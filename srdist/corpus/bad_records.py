"""Records that cannot be used: stop at the first one, or put them into quarantine and go on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from srdist.errors import UserError
from srdist.storage.files import written_aside

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as it stands in its file.

    Attributes:
        value: the line, or what its JSON holds.
        file: where it was read.
        line: its line there, counted from 1; None where the file has no lines worth naming.
        name: what a person calls it (`article 3`), for files without lines.
        raw: its text; None where `value` written as JSON is the text.
    """

    value: Any
    file: Path
    line: int | None = None
    name: str = ""
    raw: str | None = None


class RecordError(Exception):
    """A record cannot be used: what is wrong with it, and what the user can do."""

    def __init__(self, reason: str, cure: str):
        super().__init__(reason)
        self.reason, self.cure = reason, cure


class BadRecords:
    """The one place that decides what happens to bad records.

    Use it as a context manager; the quarantine appears, whole, when the block ends without an error.

    Args:
        policy: `corpus.on_bad_record`: `stop` raises a UserError, `skip` counts the record and goes on.
        quarantine: with `skip`, JSON lines file that gets `{file, line, reason, raw}` of each bad record;
            it is not there when none was bad. None only counts them.

    Attributes:
        by_file: number of bad records of each file.
    """

    def __init__(self, policy: Literal["stop", "skip"] = "stop", quarantine: Path | None = None):
        self.policy, self.quarantine = policy, quarantine
        self.by_file: Counter[str] = Counter()
        self._seen: set[tuple[Path, int | None, str]] = set()
        self._stack = ExitStack()
        self._output: Any = None
        self._entered = False

    @property
    def count(self) -> int:
        """Number of bad records so far."""
        return self.by_file.total()

    def __enter__(self) -> BadRecords:
        self._entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if kind is None and self.quarantine is not None and self._output is None:
            self.quarantine.unlink(missing_ok=True)
        self._output, self._entered = None, False
        self._stack.__exit__(kind, error, trace)

    def quiet(self) -> BadRecords:
        """Return the same policy without a quarantine, for reading the same files a second time."""
        return BadRecords(self.policy)

    def add(self, record: RawRecord, reason: str, cure: str) -> None:
        """Report a bad record; it counts once, even if its file is read for several splits.

        Raises:
            UserError: the policy is `stop`.
        """
        what = f"{record.name}: {reason}" if record.name else reason
        if self.policy == "stop":
            cure = f"{cure}, or set corpus.on_bad_record: skip"
            raise UserError(what, file=record.file, line=record.line, cure=cure) from None
        place = (record.file, record.line, record.name)
        if place in self._seen:
            return
        self._seen.add(place)
        self.by_file[str(record.file)] += 1
        if self.quarantine is not None:
            raw = json.dumps(record.value, ensure_ascii=False) if record.raw is None else record.raw
            entry = {"file": str(record.file), "line": record.line, "reason": what, "raw": raw}
            self._open().write(json.dumps(entry) + "\n")

    def parsed(self, records: Iterable[RawRecord], parse: Callable[[Any], T]) -> Iterator[tuple[RawRecord, T]]:
        """Give each record with what `parse` makes of its value; report those it raises RecordError for."""
        for record in records:
            try:
                value = parse(record.value)
            except RecordError as error:
                self.add(record, error.reason, error.cure)
            else:
                yield record, value

    def _open(self) -> Any:
        if self._output is None:
            if not self._entered:
                raise RuntimeError("BadRecords with a quarantine must be used in a `with` block")
            aside = self._stack.enter_context(written_aside(self.quarantine))
            self._output = self._stack.enter_context(open(aside, "w", encoding="utf-8"))
        return self._output
