"""Files that are there whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ASIDE = ".aside"
"""Suffix of a file that is still being written."""


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; on success sync it and rename it to `path`.

    After a kill at any moment `path` is absent, old and whole, or new and whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}{ASIDE}")
    try:
        yield aside
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`, or a copy of it where the file system has no links."""
    aside = target.with_name(f"{target.name}.link{ASIDE}")  # never written to: it would write to `source`
    target.parent.mkdir(parents=True, exist_ok=True)
    aside.unlink(missing_ok=True)
    try:
        os.link(source, aside)
    except OSError:
        with written_aside(target) as copy:
            shutil.copyfile(source, copy)
        return
    os.replace(aside, target)
    aside.unlink(missing_ok=True)  # to rename one of two links of a file to the other does nothing


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically, with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def newest_record(path: Path) -> dict[str, Any] | None:
    """Return the last whole line of a growing file of JSON records; None while there is none."""
    try:
        with open(path, "rb") as file:
            size, window = file.seek(0, 2), 4096
            while True:
                file.seek(max(0, size - window))
                whole = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b"{")]
                if whole or window >= size:
                    break
                window *= 2
    except FileNotFoundError:
        return None
    return json.loads(whole[-1]) if whole else None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remove_asides(path: Path) -> None:
    """Remove what killed writers of a file left beside it, or those of a folder below it."""
    for aside in [*path.parent.glob(f"{path.name}.*{ASIDE}"), *path.rglob(f"*{ASIDE}")]:
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
