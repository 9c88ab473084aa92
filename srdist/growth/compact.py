"""Write a grown corpus as `prepare` and `index` would have written it from all its documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.config.schema import Config
from srdist.growth.addition import TABLES
from srdist.growth.folder import Corpus, Facts, file_facts
from srdist.growth.workers import workers
from srdist.prepare.chunks import partition_of
from srdist.prepare.partitions import read_rows, write_rows
from srdist.storage.corpus import GROWTH, corpus_digests, discard_growth, live_titles
from srdist.storage.files import link_or_copy, remove_asides
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.partitions import open_partition, partition_path, partition_paths
from srdist.storage.tables import TITLES, TRIE
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import trie_counts
from srdist.trie.title_level import build_titles


def write_compact(config: Config, before: Corpus, folder: Path, passages: int) -> tuple[Facts, dict[str, str]]:
    """Write all live passages into as many partitions as `prepare` made; return facts of the tables, and digests."""
    count = len(partition_paths(config.run_dir / TITLES))
    with workers(config, passages) as run:
        arguments = [(before.folder, before.partitions, k, count, folder) for k in range(count)]
        for _ in run(write_again, arguments):
            pass
        tables = [partition_path(Path(name), k, count).as_posix() for name in TABLES for k in range(count)]
        facts = {name: file_facts(folder / name) for name in tables}
        corpus = corpus_digests(Manifest("prepare", {}, {}, files=facts))
        about = {**before.about, "corpus": corpus}
        for _ in run(build_passages, [(folder, k, count, about) for k in range(count)]):
            pass
    build_titles(folder, about)
    return facts, corpus


def write_again(source: Path, partitions: int, index: int, count: int, folder: Path) -> None:
    """Write partition `index` of `count` anew: its own live passages, and its share of those in later partitions."""
    alive = live_titles(source)
    masks = {index: alive[index]}
    for other in range(count, partitions):
        titles = open_partition(partition_path(source / TITLES, other, partitions))["title"].to_pylist()
        masks[other] = alive[other] & np.array([partition_of(title, count) == index for title in titles], bool)
    rows = pa.concat_tables(read_rows(source, other, partitions, mask) for other, mask in masks.items())
    write_rows(folder, index, count, rows.combine_chunks())


def install(run_dir: Path, grown: Manifest) -> None:
    """Put the files of a compact corpus in the place of those of `prepare` and `index`.

    Until all is in its place the grown corpus stays the corpus of the run; to do it again does no harm.
    """
    prefix = f"{grown.settings['folder']}/"
    files = {name.removeprefix(prefix): facts for name, facts in grown.files.items()}
    for name in files:
        link_or_copy(run_dir / GROWTH / prefix / name, run_dir / name)
    prepare, index = read_manifest(run_dir, "prepare"), read_manifest(run_dir, "index")
    tables = {name: facts for name, facts in files.items() if not name.startswith(f"{TRIE}/")}
    prepare.files = {**prepare.files, **tables}
    prepare.counts = {**prepare.counts, **grown.counts}
    index.files = {name: facts for name, facts in files.items() if name not in tables}
    index.inputs, index.counts = grown.settings["corpus"], trie_counts(run_dir)
    for name in (*TABLES, TRIE):
        remove_asides(run_dir / name)
    write_manifest(run_dir, prepare, ())
    write_manifest(run_dir, index, ())
    discard_growth(run_dir)
