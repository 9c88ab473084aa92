"""From documents to partitions: chunks of documents are split and tokenized, then shared out by title."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from srdist.cluster.ray import run_tasks
from srdist.config.schema import Config
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents
from srdist.errors import UserError
from srdist.prepare.chunks import write_chunk
from srdist.prepare.partitions import write_tables
from srdist.progress import progress_bar

WORK = "prepare.work"
MOST_CHARACTERS = 500_000_000
"""of text for each partition: up to 4 bytes each in UTF-8, and titles do not fall evenly on partitions"""
Runner = Callable[..., Iterator[tuple[int, Any]]]
"""`run_tasks`, or something that takes the same arguments"""


def write_chunks(config: Config, bad: BadRecords, counts: Counter[str], run: Runner = run_tasks) -> list[Path]:
    """Read the documents and have them split and tokenized, a chunk per task; count the documents."""
    chunks: list[Path] = []

    def arguments() -> Iterator[tuple]:
        documents, read = iter(read_documents(config.corpus, bad)), 0
        while chunk := list(itertools.islice(documents, config.prepare.chunk_documents)):
            chunks.append(config.run_dir / WORK / f"chunk-{len(chunks):06d}.arrow")
            counts["documents"] += len(chunk)
            read += sum(len(text) for document in chunk for text in document.paragraphs)
            _check_room(config, read)
            yield chunks[-1], chunk, config

    made = 0
    with progress_bar() as progress:
        bar = progress.add_task("split and tokenize", total=None, note="")
        for _, passages in run(write_chunk, arguments(), gpu=bool(config.corpus.titles.model)):
            made += passages
            note = f"{counts['documents']:,} documents read, {made:,} passages made"
            progress.update(bar, advance=1, note=note)
    if not chunks:
        raise UserError("the corpus has no documents", file=config.corpus.documents[0].path)
    return chunks


def _check_room(config: Config, characters: int) -> None:
    """Refuse more text than the strings of a column of the partitions can hold, which is 2 GB each."""
    one = config.corpus.titles.constant is not None  # documents of one title share a partition
    partitions = 1 if one else config.prepare.partitions
    if characters > partitions * MOST_CHARACTERS:
        what = f"more than {partitions * MOST_CHARACTERS:,} characters of text are too many for {partitions} partitions"
        cure = (
            "with corpus.titles.constant all are in one: take a smaller corpus" if one else "raise prepare.partitions"
        )
        raise UserError(what, cure=cure)


def write_partitions(config: Config, chunks: list[Path], run: Runner = run_tasks) -> Counter[str]:
    """Write `titles`, `passages` and `tokens` from the chunks, a partition per task; return their counts."""
    partitions = config.prepare.partitions
    arguments = ((config.run_dir, index, partitions, chunks) for index in range(partitions))
    return count_tasks("write partitions", write_tables, arguments, partitions, run)


def count_tasks(
    label: str, function: Callable[..., Any], arguments: Iterable[tuple], total: int, run: Runner = run_tasks
) -> Counter[str]:
    """Run the tasks under a progress bar and add up the counts that they return."""
    counts: Counter[str] = Counter()
    with progress_bar() as progress:
        bar = progress.add_task(label, total=total, note="")
        for _, counted in run(function, arguments):
            counts.update(counted)
            progress.update(bar, advance=1)
    return counts
