"""The finished batches of a stage: one file each, which says what it belongs to and how to know it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdist.storage.files import write_text

Record = dict[str, Any]


def longest_first(texts: Sequence[str], size: int) -> list[list[int]]:
    """Divide texts into batches of `size`, those of like length together, the longest first; return their indices."""
    order = sorted(range(len(texts)), key=lambda index: (-len(texts[index]), index))
    return [order[start : start + size] for start in range(0, len(order), size)]


@dataclass(frozen=True)
class BatchFiles:
    """The batch files of one piece of work; they are written whole or not at all, by any process.

    The first line of a file is an object with `work`, `sha256` of all that follows, and facts about the batch; each
    other line is a record.

    Attributes:
        folder: where the files lie.
        work: digest of everything that the records depend on; files of other work are removed.
    """

    folder: Path
    work: str

    def path(self, number: int) -> Path:
        """Return where a batch lies."""
        return self.folder / f"batch-{number:06d}.jsonl"

    def write(self, number: int, records: Sequence[Record], facts: Record) -> None:
        """Write the records of a batch, and facts about it."""
        body = lines(records)
        head = {**facts, "work": self.work, "sha256": hashlib.sha256(body.encode()).hexdigest()}
        write_text(self.path(number), json.dumps(head) + "\n" + body)

    def finished(self) -> dict[int, Record]:
        """Return the facts of the batches that are there and whole; remove all others."""
        found = {}
        for path in sorted(self.folder.glob("batch-*.jsonl")):
            facts = self._check(path)
            if facts is None:
                path.unlink()
            else:
                found[int(path.stem.removeprefix("batch-"))] = facts
        return found

    def read(self, number: int) -> list[Record]:
        """Return the records of a batch."""
        with open(self.path(number), encoding="utf-8") as file:
            next(file)
            return [json.loads(line) for line in file]

    def in_order(self, batches: Sequence[Sequence[int]]) -> Iterator[str]:
        """Give the lines of all batches in the order of their items.

        Args:
            batches: index of each item, batch after batch; all together 0, 1, 2 and so on, each once.
        """
        place: dict[int, tuple[Path, int, int]] = {}
        for number, indices in enumerate(batches):
            path = self.path(number)
            with open(path, "rb") as file:
                start = len(file.readline())
                for index, line in zip(indices, file, strict=True):
                    place[index] = path, start, len(line)
                    start += len(line)
        for index in range(len(place)):
            path, start, size = place[index]
            with open(path, "rb") as file:
                file.seek(start)
                yield file.read(size).decode()

    def _check(self, path: Path) -> Record | None:
        """Return the facts of a batch file, or None if it is damaged or of other work."""
        head, _, body = path.read_bytes().partition(b"\n")
        try:
            facts = json.loads(head)
            whole = facts.pop("sha256") == hashlib.sha256(body).hexdigest()
            return facts if facts.pop("work") == self.work and whole else None
        except (ValueError, KeyError, AttributeError, TypeError):
            return None


def lines(records: Iterable[Record]) -> str:
    """Return records as lines of JSON."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
