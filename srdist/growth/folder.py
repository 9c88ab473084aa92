"""The corpus of a run as a change finds it, and its folder under `growth/` as the change leaves it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdist.prepare.partitions import read_rows
from srdist.storage.corpus import GROWTH, MADE_BY, corpus_digests, corpus_dir, live_titles, read_growth
from srdist.storage.files import remove_asides, sha256, write_json
from srdist.storage.manifest import Manifest, read_manifest, write_manifest
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES, TITLES
from srdist.trie.title_level import TitleLevel

WORK = "work"
Facts = dict[str, dict[str, Any]]
"""path relative to a corpus folder -> {"bytes", "sha256"}"""
Masks = list[np.ndarray]
"""for each partition which of its titles, bool [titles]"""


@dataclass(frozen=True)
class Corpus:
    """The corpus of a run.

    Attributes:
        folder: holds `titles/`, `passages/`, `tokens/` and `trie/`.
        files: facts of all files there.
        alive: its live titles.
        about: what its trie says about itself.
    """

    folder: Path
    files: Facts
    alive: Masks
    about: dict[str, Any]

    @classmethod
    def of(cls, run_dir: Path) -> Corpus:
        """Open it.

        Raises:
            UserError: `prepare` or `index` has not finished, or a file is missing or of another size.
        """
        folder, grown = corpus_dir(run_dir), read_growth(run_dir)
        if grown is not None:
            grown.verify(run_dir / GROWTH, checksums=False)
            prefix = f"{grown.settings['folder']}/"
            files = {name.removeprefix(prefix): facts for name, facts in grown.files.items()}
        else:
            files = {}
            for stage, made in MADE_BY.items():
                manifest, prefixes = read_manifest(run_dir, stage), tuple(f"{name}/" for name in made)
                manifest.verify(run_dir, *prefixes, checksums=False)
                files |= {name: facts for name, facts in manifest.files.items() if name.startswith(prefixes)}
        return cls(folder, files, live_titles(folder), TitleLevel(folder).about)

    @property
    def partitions(self) -> int:
        """Number of partitions of each table."""
        return len(self.alive)

    def titles_called(self, titles: Collection[str]) -> Masks:
        """Return the live titles of these names."""
        wanted = pa.array(sorted(titles), pa.string())
        named = [
            pc.is_in(table["title"], value_set=wanted).to_numpy() for table in open_partitions(self.folder / TITLES)
        ]
        return [named & alive for named, alive in zip(named, self.alive, strict=True)]

    def titles_of(self, documents: Collection[str]) -> Masks:
        """Return the live titles of these documents."""
        wanted, found = pa.array(sorted(documents), pa.string()), []
        for passages, alive in zip(open_partitions(self.folder / PASSAGES), self.alive, strict=True):
            theirs = np.zeros(len(alive), bool)
            theirs[passages["title"].to_numpy()[pc.is_in(passages["document"], value_set=wanted).to_numpy()]] = True
            found.append(theirs & alive)
        return found

    def rows(self, titles: Masks, without: Collection[str]) -> pa.Table:
        """Return the passages of titles as rows of `chunk_schema`, without those of some documents."""
        parts = ((index, mask) for index, mask in enumerate(titles) if mask.any() or index == 0)
        rows = pa.concat_tables(read_rows(self.folder, index, self.partitions, mask) for index, mask in parts)
        gone = pc.is_in(rows["document"], value_set=pa.array(sorted(without), pa.string()))
        return rows.filter(pc.invert(gone))


def begin(run_dir: Path, command: dict[str, Any]) -> Path:
    """Return the folder for the corpus that a command makes, with what the same command had done before a kill."""
    pending, current = _pending(run_dir), _current(run_dir)
    change = {"command": command, "from": current}
    folder = run_dir / GROWTH / f"{int(current or 0) + 1:06d}"
    if not pending.exists() or json.loads(pending.read_text(encoding="utf-8")) != change:
        _remove_folders(run_dir, {current})
        write_json(pending, change)
    folder.mkdir(exist_ok=True)
    return folder


def commit(run_dir: Path, folder: Path, known: Facts, corpus: dict[str, str], counts: dict[str, Any]) -> Manifest:
    """Make a whole folder the corpus of the run.

    Args:
        known: facts of files that another folder has too; they are not read again.
        corpus: digests of titles and tokens that the trie was made from.
        counts: of the whole corpus.
    """
    shutil.rmtree(folder / WORK, ignore_errors=True)
    remove_asides(folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.arrow"))]
    files = {f"{folder.name}/{name}": known.get(name) or file_facts(folder / name) for name in names}
    change = json.loads(_pending(run_dir).read_text(encoding="utf-8"))
    base = corpus_digests(read_manifest(run_dir, "prepare"))
    settings = {"folder": folder.name, "corpus": corpus, "change": change}
    manifest = Manifest("index", settings, base, files=files, counts=counts)
    write_manifest(run_dir / GROWTH, manifest, ())
    settle(run_dir)
    return manifest


def settle(run_dir: Path) -> dict[str, Any] | None:
    """Remove what a finished change needs no more; return its command if a kill had kept it from doing so itself."""
    grown, pending = read_growth(run_dir), _pending(run_dir)
    if not pending.exists():
        if grown is None:
            shutil.rmtree(run_dir / GROWTH, ignore_errors=True)
        return None
    if grown is None:
        return None
    change = json.loads(pending.read_text(encoding="utf-8"))
    if change != grown.settings["change"]:
        return None
    _remove_folders(run_dir, {grown.settings["folder"]})
    pending.unlink()
    return change["command"]


def abandon(run_dir: Path) -> None:
    """Forget a change that cannot be made."""
    _remove_folders(run_dir, {_current(run_dir)})
    _pending(run_dir).unlink(missing_ok=True)
    with suppress(OSError):
        (run_dir / GROWTH).rmdir()


def file_facts(path: Path) -> dict[str, Any]:
    """Return size and digest of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _pending(run_dir: Path) -> Path:
    return run_dir / GROWTH / "pending.json"


def _current(run_dir: Path) -> str | None:
    grown = read_growth(run_dir)
    return None if grown is None else grown.settings["folder"]


def _remove_folders(run_dir: Path, kept: set[str | None]) -> None:
    with suppress(FileNotFoundError):
        for path in (run_dir / GROWTH).iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in kept:
                shutil.rmtree(path)
