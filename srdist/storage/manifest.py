"""A stage's manifest: what it was made from, what it made, checksums; written last."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from srdist.errors import UserError
from srdist.storage.files import sha256, write_json

RECORDED_PACKAGES = ("srdist", "torch", "transformers", "tokenizers", "deepspeed", "ray", "pyarrow", "numpy", "bm25s")


@dataclass
class Manifest:
    """What a finished stage says of itself.

    Attributes:
        stage: name of the stage.
        settings: the part of the config that its output depends on.
        inputs: name of each input -> its digest.
        files: path relative to the run's folder -> {"bytes", "sha256"}.
        counts: what was made: rows, tokens, whatever the closing table shows.
        seconds: wall time that the stage took, in seconds.
        versions: package -> version it was made with.
    """

    stage: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    def digest(self, folder: str = "") -> str:
        """Return a digest of the content of the stage's files, or of those below one folder."""
        content = {path: facts["sha256"] for path, facts in self.files.items() if path.startswith(folder)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def verify(self, run_dir: Path, *folders: str, checksums: bool = True) -> None:
        """Check that the files below `folders` (default: all) are there and unchanged.

        Raises:
            UserError: names the first file that is missing or differs.
        """
        cure = f"run `{_command(self.stage)} --overwrite`"
        for name, facts in self.files.items():
            path = run_dir / name
            if folders and not name.startswith(folders):
                continue
            if not path.exists():
                raise UserError("file is missing", file=path, cure=cure)
            if path.stat().st_size != facts["bytes"] or (checksums and sha256(path) != facts["sha256"]):
                raise UserError("file was damaged or changed after it was made", file=path, cure=cure)


def manifest_path(run_dir: Path, stage: str) -> Path:
    """Return where a stage's manifest lies."""
    return run_dir / "manifests" / f"{stage}.json"


def read_manifest(run_dir: Path, stage: str) -> Manifest:
    """Read the manifest of a finished stage.

    Raises:
        UserError: the stage is not finished, or its manifest is not readable.
    """
    path = manifest_path(run_dir, stage)
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
        if not all(isinstance(part, dict) for part in (manifest.settings, manifest.inputs, manifest.files)):
            raise ValueError("settings, inputs or files are missing")
        return manifest
    except FileNotFoundError:
        raise UserError(f"stage {stage} has not finished in {run_dir}", cure=f"run `{_command(stage)}` first") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"not a manifest ({error})", file=path, cure=f"run `{_command(stage)} --overwrite`") from None


def _command(stage: str) -> str:
    return f"srdist {stage.partition('.')[0]}"  # `baselines` makes the stage `baselines.bm25`


def verified_inputs(run_dir: Path, stage: str, *folders: str, checksums: bool = True) -> dict[str, str]:
    """Check the files that a finished stage left in some folders; return folder -> digest of its content.

    Args:
        checksums: whether to read the files, besides their sizes.

    Raises:
        UserError: the stage has not finished, or a file is missing or differs from what it wrote.
    """
    manifest = read_manifest(run_dir, stage)
    manifest.verify(run_dir, *(f"{folder}/" for folder in folders), checksums=checksums)
    return {folder: manifest.digest(f"{folder}/") for folder in folders}


def write_manifest(run_dir: Path, manifest: Manifest, outputs: Iterable[str], without: tuple[str, ...] = ()) -> None:
    """Add checksums of all files below `outputs`, but not below `without`, and the versions; write the manifest."""
    for output in outputs:
        root = run_dir / output
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            name = path.relative_to(run_dir).as_posix()
            if path.is_file() and not any(Path(name).is_relative_to(folder) for folder in without):
                manifest.files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    manifest.versions = package_versions()
    write_json(manifest_path(run_dir, manifest.stage), asdict(manifest))


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on; `absent` for one not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in RECORDED_PACKAGES}}


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
