"""Tab-separated lines with a fixed number of columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.corpus.lines import read_lines


def tsv_rows(path: Path, columns: tuple[str, ...], bad: BadRecords) -> Iterator[RawRecord]:
    """Give each line as {column: text}; a line with more or fewer columns is bad. Nothing is quoted or escaped."""
    for record in read_lines(path, bad):
        values = record.value.split("\t")
        if len(values) != len(columns):
            reason = f"{len(values)} columns, there should be {len(columns)} ({', '.join(columns)})"
            bad.add(record, reason, "separate the columns by single tabs")
        else:
            yield RawRecord(dict(zip(columns, values, strict=True)), path, record.line, raw=record.raw)
