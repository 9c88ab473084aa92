"""New partitions beside the old ones: added documents, and the titles whose documents changed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdist.config.paths import locate
from srdist.config.schema import Config, DocumentSource
from srdist.corpus.bad_records import BadRecords
from srdist.errors import UserError
from srdist.growth.check import check_added
from srdist.growth.folder import WORK, Corpus, Facts, Masks
from srdist.growth.workers import workers
from srdist.prepare.chunks import chunk_schema, partition_of
from srdist.prepare.length import check_length
from srdist.prepare.shuffle import Runner, write_chunks, write_partitions
from srdist.storage.corpus import HOME, LIVE
from srdist.storage.files import link_or_copy
from srdist.storage.partitions import open_partitions, partition_path, write_partition
from srdist.storage.stage import digest
from srdist.storage.tables import PASSAGES, TITLES, TOKENS, TRIE
from srdist.trie.passage_level import build_passages
from srdist.trie.title_level import build_titles, title_level_path

DOCUMENTS = 20_000
"""documents of a new partition, about"""
TABLES = (TITLES, PASSAGES, TOKENS)


def quarantine_of(source: DocumentSource) -> str:
    """Return the file of skipped records of an added one, in the run's folder: `growth/` ends with a compaction."""
    return f"quarantine.added.{digest(locate(source.path))[:8]}.jsonl"


def write_change(
    config: Config, before: Corpus, folder: Path, source: DocumentSource | None, removed: Collection[str]
) -> tuple[Facts, Counter[str]]:
    """Write the corpus with documents added and removed; return facts of unchanged files, and what was changed.

    A title that an added or a removed document has is dead where it stood; its passages, as a fresh build would
    order them, stand in a new partition.

    Raises:
        UserError: a document to add is there already, is a bad record or does not fit into the model's context,
            or nothing would be left.
    """
    counts = Counter(added=0, removed=len(removed), bad_records=0)
    addition = _addition(config, source, folder / WORK, 1)
    documents = check_added(config, addition, removed) if source else 0
    addition = _addition(config, source, folder / WORK, 1 + documents // DOCUMENTS)
    with workers(config, 10 * documents) as run:
        chunks = _write_chunks(config, source, addition, counts, run) if source else []
        changed = _union(before.titles_called(_titles_in(chunks)), before.titles_of(removed))
        kept = before.rows(changed, removed)
        if kept.num_rows:
            chunks = [_keep(addition, kept), *chunks]
        new = addition.prepare.partitions if chunks else 0
        if new:
            write_partitions(addition, chunks, run)
        if source:
            check_length(config, folder / WORK)
        known = _gather(before, folder, new)
        total = before.partitions + new
        for _ in run(build_passages, [(folder, k, total, before.about) for k in range(before.partitions, total)]):
            pass
    _write_titles(before, folder, [alive & ~gone for alive, gone in zip(before.alive, changed, strict=True)])
    return known, counts


def _addition(config: Config, source: DocumentSource | None, work: Path, partitions: int) -> Config:
    """Return the config that prepares nothing but the documents to add."""
    documents = [source] if source else []
    corpus = config.corpus.model_copy(update={"documents": documents, "queries": [], "sample": None})
    prepare = config.prepare.model_copy(update={"partitions": partitions})
    return config.model_copy(update={"output": work, "corpus": corpus, "prepare": prepare})


def _write_chunks(
    config: Config, source: DocumentSource, addition: Config, counts: Counter[str], run: Runner
) -> list[Path]:
    read: Counter[str] = Counter()
    with BadRecords(config.corpus.on_bad_record, config.run_dir / quarantine_of(source)) as bad:
        chunks = write_chunks(addition, bad, read, run)
    counts.update(added=read["documents"], bad_records=bad.count)
    return chunks


def _titles_in(chunks: list[Path]) -> set[str]:
    titles: set[str] = set()
    for chunk in chunks:
        titles.update(pc.unique(pa.ipc.open_file(pa.memory_map(str(chunk))).read_all()["title"]).to_pylist())
    return titles


def _union(some: Masks, others: Masks) -> Masks:
    return [mask | other for mask, other in zip(some, others, strict=True)]


def _keep(addition: Config, rows: pa.Table) -> Path:
    """Write passages of the corpus as a chunk, to stand before those of added documents."""
    count = addition.prepare.partitions
    schema = chunk_schema(rows.schema.field("tokens").type.value_type)
    homes = np.array([partition_of(title, count) for title in rows["title"].to_pylist()], np.int64)
    parts = [rows.filter(pa.array(homes == index)).cast(schema).combine_chunks() for index in range(count)]
    path = addition.run_dir / "kept.arrow"
    write_partition(
        path, [(part.to_batches() or [pa.RecordBatch.from_pylist([], schema)])[0] for part in parts], schema
    )
    return path


def _gather(before: Corpus, folder: Path, new: int) -> Facts:
    """Put the old partitions and `new` ones side by side; return facts of the old files."""
    known: Facts = {}
    old, total = before.partitions, before.partitions + new
    for name in (*TABLES, TRIE):
        for index in range(old):
            source = partition_path(before.folder / name, index, old)
            target = partition_path(folder / name, index, total)
            link_or_copy(source, target)
            known[f"{name}/{target.name}"] = before.files[f"{name}/{source.name}"]
    for name in TABLES:
        for index in range(new):
            source = partition_path(folder / WORK / name, index, new)
            link_or_copy(source, partition_path(folder / name, old + index, total))
    return known


def _write_titles(before: Corpus, folder: Path, alive: Masks) -> None:
    """Write the table of live titles, and the trie over them.

    Args:
        alive: of the old partitions; all titles of the others are.
    """
    tables = open_partitions(folder / TITLES)
    alive = alive + [np.ones(table.num_rows, bool) for table in tables[len(alive) :]]
    homes = np.flatnonzero(np.concatenate(alive))
    if len(homes) == 0:
        raise UserError("no document would be left", cure="delete the run's folder instead")
    live = pa.concat_tables(table.filter(pa.array(mask)) for table, mask in zip(tables, alive, strict=True))
    live = live.append_column(HOME, pa.array(homes, pa.uint32())).combine_chunks()
    write_partition(partition_path(folder / LIVE / TITLES, 0, 1), [live], live.schema)
    build_titles(folder / LIVE, before.about)
    link_or_copy(title_level_path(folder / LIVE), title_level_path(folder))
    shutil.rmtree(folder / LIVE / TRIE)


def corpus_facts(folder: Path, alive: Masks) -> dict[str, Any]:
    """Return the number of documents, titles, passages and tokens of passages of a corpus folder."""
    counts: Counter[str] = Counter()
    tables = (open_partitions(folder / name) for name in (PASSAGES, TOKENS))
    for passages, tokens, mask in zip(*tables, alive, strict=True):
        owned = mask[passages["title"].to_numpy()]
        counts["titles"] += int(mask.sum())
        counts["passages"] += int(owned.sum())
        counts["tokens"] += int(pc.list_value_length(tokens["tokens"]).to_numpy()[owned].sum())
        counts["documents"] += len(pc.unique(passages["document"].filter(pa.array(owned))))
    return dict(counts)
