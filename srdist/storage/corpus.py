"""The corpus of a run as it stands: as `prepare` and `index` made it, or as documents added and removed since have it.

A grown corpus is a folder `growth/<number>/` with `titles/`, `passages/`, `tokens/` and `trie/` like those of the run;
partitions that did not change are links to the same files. A title whose documents changed stands anew, with all its
passages, in a partition behind the others, and is dead where it stood before; `live/titles/` lists the titles that are
alive. The manifest of the folder is written last, and is what makes it the corpus of the run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.manifest import Manifest, manifest_path, read_manifest, verified_inputs
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES, TITLES, TOKENS, TRIE

GROWTH, LIVE, HOME = "growth", "live", "home"
MADE_BY = {"prepare": (TITLES, PASSAGES, TOKENS), "index": (TRIE,)}
"""stage -> folders of the corpus that it makes"""


def corpus_digests(prepare: Manifest) -> dict[str, str]:
    """Return the digests of the tables that a trie is made from."""
    return {TITLES: prepare.digest(f"{TITLES}/"), TOKENS: prepare.digest(f"{TOKENS}/")}


def read_growth(run_dir: Path) -> Manifest | None:
    """Return the manifest of a grown corpus, its files relative to `growth/`; None: nothing was added or removed.

    Raises:
        UserError: `prepare` made other tables since.
    """
    if not manifest_path(run_dir / GROWTH, "index").exists():
        return None
    grown = read_manifest(run_dir / GROWTH, "index")
    if corpus_digests(read_manifest(run_dir, "prepare")) not in (grown.inputs, grown.settings["corpus"]):
        what = "documents were added to or removed from tables that `prepare` has made again since"
        cure = "run `srdist index --overwrite`, then add and remove them again"
        raise UserError(what, file=run_dir / GROWTH, cure=cure)
    return grown


def discard_damaged_growth(run_dir: Path) -> None:
    """Go back to what `prepare` and `index` made, where a file of the grown corpus is missing or damaged."""
    try:
        if (grown := read_growth(run_dir)) is not None:
            grown.verify(run_dir / GROWTH)
    except UserError:
        discard_growth(run_dir)


def discard_growth(run_dir: Path) -> None:
    """Make the tables of `prepare` and the trie of `index` the corpus of the run."""
    manifest_path(run_dir / GROWTH, "index").unlink(missing_ok=True)
    shutil.rmtree(run_dir / GROWTH, ignore_errors=True)


def corpus_dir(run_dir: Path) -> Path:
    """Return the folder whose `titles/`, `passages/`, `tokens/` and `trie/` are the corpus of the run."""
    grown = read_growth(run_dir)
    return run_dir if grown is None else run_dir / GROWTH / grown.settings["folder"]


def verified_corpus(run_dir: Path, *folders: str) -> dict[str, str]:
    """Check the files of some folders of the corpus; return folder -> digest of its content.

    Args:
        folders: of `titles`, `passages`, `tokens` and `trie`.

    Raises:
        UserError: the stage that makes them has not finished, or a file is missing or damaged.
    """
    grown = read_growth(run_dir)
    if grown is not None:
        return {folder: _verified_growth(run_dir, grown, folder) for folder in folders}
    digests: dict[str, str] = {}
    for stage, made in MADE_BY.items():
        if wanted := [folder for folder in folders if folder in made]:
            digests |= verified_inputs(run_dir, stage, *wanted)
    return digests


def _verified_growth(run_dir: Path, grown: Manifest, folder: str) -> str:
    """Check the files of a folder of a grown corpus, and what says which of its titles are alive; return a digest."""
    prefixes = tuple(f"{grown.settings['folder']}/{name}/" for name in (folder, LIVE))
    grown.verify(run_dir / GROWTH, *prefixes)
    files = {name: facts for name, facts in grown.files.items() if name.startswith(prefixes)}
    return Manifest("index", {}, {}, files=files).digest()


def corpus_counts(run_dir: Path) -> dict[str, Any]:
    """Return the number of documents, titles, passages and tokens of the corpus, and other figures about it."""
    grown = read_growth(run_dir)
    if grown is not None:
        return grown.counts
    return {name: value for stage in MADE_BY for name, value in read_manifest(run_dir, stage).counts.items()}


def live_titles(folder: Path) -> list[np.ndarray]:
    """Return for each partition of a corpus folder which of its titles are alive, bool [titles]."""
    counts = [table.num_rows for table in open_partitions(folder / TITLES)]
    if not (folder / LIVE).exists():
        return [np.ones(count, bool) for count in counts]
    alive = np.zeros(sum(counts), bool)
    alive[open_partitions(folder / LIVE / TITLES)[0][HOME].to_numpy()] = True
    return np.split(alive, np.cumsum(counts)[:-1])


def live_passages(run_dir: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Give the passages of the corpus, a partition at a time; only those of live titles.

    Args:
        columns: of `passages_schema`; `title` is the title's text here.
    """
    folder = corpus_dir(run_dir)
    tables = zip(open_partitions(folder / TITLES), open_partitions(folder / PASSAGES), strict=True)
    for (titles, passages), alive in zip(tables, live_titles(folder), strict=True):
        rows = passages.select(columns)
        if not alive.all():
            kept = pa.array(alive[passages["title"].to_numpy()])
            rows = rows.filter(kept)
        if "title" in columns:
            at = list(columns).index("title")
            rows = rows.set_column(at, "title", titles["title"].take(rows["title"]))
        yield rows


def present(run_dir: Path, column: str, values: Iterable[str]) -> set[str]:
    """Return those of the values that a passage of the corpus has in a column of `live_passages`."""
    wanted = set(values)
    found: set[str] = set()
    for table in live_passages(run_dir, [column]) if wanted else ():
        found |= wanted.intersection(table[column].to_pylist())
    return found
