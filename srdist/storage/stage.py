"""Run a stage once: skip it when done, continue it when interrupted, refuse a changed config."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srdist.errors import UserError
from srdist.storage.disk import refused_writes_told
from srdist.storage.files import remove_asides, sha256, write_json
from srdist.storage.manifest import Manifest, manifest_path, read_manifest, write_manifest


@dataclass(frozen=True)
class Stage:
    """A stage of one run.

    Attributes:
        run_dir: folder of the run.
        name: name of the stage and of its manifest.
        settings: the part of the config that its output depends on, and nothing else.
        inputs: name of each input -> its digest.
        outputs: files and folders below `run_dir` that the stage owns.
    """

    run_dir: Path
    name: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    outputs: tuple[str, ...]
    kept: tuple[str, ...] = field(default=())
    """outputs that hold unfinished work and are removed once the stage is done"""

    def is_done(self) -> bool:
        """Tell whether the stage finished with these settings and inputs."""
        if not manifest_path(self.run_dir, self.name).exists():
            return False
        manifest = read_manifest(self.run_dir, self.name)
        return not self._differences(manifest.settings, manifest.inputs)

    def check(self) -> None:
        """Raise the UserError that `run` would, if the stage was made or begun with other settings or inputs."""
        for path in (manifest_path(self.run_dir, self.name), self._pending):
            if path.exists():
                self._discard_if_changed(path, overwrite=False)

    @property
    def _pending(self) -> Path:
        return manifest_path(self.run_dir, f".{self.name}.pending")

    def run(self, work: Callable[[], dict[str, Any]], *, overwrite: bool = False) -> Manifest:
        """Do the work unless it is done; return the manifest.

        Work that a kill interrupted is taken up again: `work` finds the files it had finished.

        Args:
            work: writes the outputs and returns the counts for the manifest.
            overwrite: discard what was made with another config, from other inputs, or is damaged.

        Raises:
            UserError: the stage was made or begun differently, is damaged, another process is running it, or the file
                system refuses to write.
        """
        pending = self._pending
        with self.lock():
            path = manifest_path(self.run_dir, self.name)
            if path.exists() and not self._discard_if_changed(path, overwrite):
                manifest = read_manifest(self.run_dir, self.name)
                if not self._discard_if_damaged(manifest, overwrite):
                    if pending.exists():  # killed between the manifest and the removal of what is not needed any more
                        self._remove(self.kept)
                        pending.unlink()
                    return manifest
            if pending.exists():
                self._discard_if_changed(pending, overwrite)
            elif not path.exists():
                self._refuse_what_others_made()
            started, before = time.monotonic(), self._seconds_spent(pending)
            begun = {"settings": self.settings, "inputs": self.inputs, "seconds": before}
            write_json(pending, begun)
            try:
                with refused_writes_told(self.run_dir):
                    counts = work()
            finally:
                seconds = before + time.monotonic() - started
                with suppress(OSError):  # on a full disk the work's own error says more
                    if pending.exists():
                        write_json(pending, {**begun, "seconds": seconds})
            for written in (path, pending, *(self.run_dir / output for output in self.outputs)):
                remove_asides(written)
            manifest = Manifest(self.name, self.settings, self.inputs, counts=counts, seconds=round(seconds, 3))
            write_manifest(self.run_dir, manifest, self.outputs, without=self.kept)
            self._remove(self.kept)
            pending.unlink()
            return manifest

    def _refuse_what_others_made(self) -> None:
        """Refuse to begin where files stand of which no manifest says what they are: the user's own, or stale ones."""
        for output in (*self.outputs, *self.kept):
            found = self.run_dir / output
            if any(found.iterdir()) if found.is_dir() else found.exists():
                what = f"this is where stage {self.name} writes, and what is there is not known to be of this run"
                raise UserError(what, file=found, cure="move it away, or choose another output folder")

    def _discard_if_changed(self, path: Path, overwrite: bool) -> bool:
        """Compare with what `path` records; on a difference remove all outputs, or refuse."""
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            differences = self._differences(record["settings"], record["inputs"])
        except (ValueError, LookupError, TypeError):
            differences = [f"{path.name} is damaged"]
        if not differences:
            return False
        if not overwrite:
            shown = "; ".join(differences[:5]) + (f" and {len(differences) - 5} more" if len(differences) > 5 else "")
            raise UserError(
                f"{self.run_dir} holds a {self.name} stage made differently: {shown}",
                cure="pass --overwrite to make it again, or choose another output folder",
            )
        self._remove((*self.outputs, *self.kept))
        path.unlink()
        return True

    def _discard_if_damaged(self, manifest: Manifest, overwrite: bool) -> bool:
        """Check the outputs; on damage remove them all, or refuse."""
        try:
            manifest.verify(self.run_dir, checksums=overwrite)
        except UserError:
            if not overwrite:
                raise
            self._remove((*self.outputs, *self.kept))
            manifest_path(self.run_dir, self.name).unlink()
            return True
        return False

    def _differences(self, settings: dict[str, Any], inputs: dict[str, str]) -> list[str]:
        before, now = _flat(settings), _flat(json.loads(json.dumps(self.settings)))
        changed = [
            f"{key} was {before.get(key, 'absent')}, is {now.get(key, 'absent')}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key, "absent") != now.get(key, "absent")
        ]
        names = sorted(inputs.keys() | self.inputs.keys())
        return changed + [f"input {name} changed" for name in names if inputs.get(name) != self.inputs.get(name)]

    def _remove(self, outputs: tuple[str, ...]) -> None:
        for output in outputs:
            path = self.run_dir / output
            if path.is_symlink() and path.is_dir():  # to a faster disk, say: the link stays
                self._remove(tuple(str(child) for child in path.iterdir()))
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @staticmethod
    def _seconds_spent(pending: Path) -> float:
        return json.loads(pending.read_text(encoding="utf-8")).get("seconds", 0.0) if pending.exists() else 0.0

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from running the stage during the block."""
        folder = manifest_path(self.run_dir, self.name).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(folder / f".{self.name}.lock", "a")
        except OSError as error:
            raise UserError(f"cannot write to the run's folder: {error.strerror}", file=self.run_dir) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                what = f"another process is running stage {self.name} in {self.run_dir}"
                raise UserError(what, cure="wait until it has finished, or end it") from None
            except OSError as error:
                cure = "choose an output folder on one that has them"
                what = f"this file system has no locks ({error.strerror})"
                raise UserError(what, file=self.run_dir, cure=cure) from None
            yield


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: value}
    flat = {}
    for key, item in items:
        flat.update(_flat(item, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def input_digests(paths: dict[str, Path], cache: Path) -> dict[str, str]:
    """Return the SHA-256 of each input file; `cache` remembers those whose size and time did not change.

    Raises:
        UserError: an input is no file or cannot be read.
    """
    known = _read_known(cache)
    digests, entries = {}, {}
    for name, path in paths.items():
        if not path.is_file():
            raise UserError("this is not a file", file=path, cure="name a file in the config")
        stat = path.stat()
        entry = known.get(str(path))
        if entry is None or (entry["bytes"], entry["mtime_ns"]) != (stat.st_size, stat.st_mtime_ns):
            entry = {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest(path)}
        entries[str(path)] = entry
        digests[name] = entry["sha256"]
    if entries != known:
        write_json(cache, entries)
    return digests


def _read_known(cache: Path) -> dict[str, dict[str, Any]]:
    try:
        return json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or cut off: the files are read again
        return {}


def digest(path: Path) -> str:
    """Return the SHA-256 of an input file; raise UserError where it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", file=path) from None
