"""What a stage read and wrote, as its manifest says: corpus -> mixture -> model -> evaluation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdist.config.paths import locate
from srdist.config.schema import Config
from srdist.storage.manifest import Manifest, read_manifest

CORPUS = "corpus"


@dataclass(frozen=True)
class Artifact:
    """A thing that stages hand to each other, named and never copied.

    Attributes:
        kind: `corpus`, or what the run's folder calls it: `mixture`, `model`, `baselines.bm25`.
        paths: the files or the folder that hold it.
        digest: SHA-256 of its content: the same thing has the same one wherever it lies.
        facts: bytes, number of files, counts of the stage that made it.
    """

    kind: str
    paths: tuple[Path, ...]
    digest: str
    facts: dict[str, Any]


def made_by(run_dir: Path, manifest: Manifest) -> list[Artifact]:
    """Return what a stage and its parts wrote: one artifact for each folder or file at the top of the run's folder."""
    made = [_output(run_dir, manifest, name) for name in sorted({Path(file).parts[0] for file in manifest.files})]
    return made + [artifact for part in _parts(run_dir, manifest) for artifact in made_by(run_dir, part)]


def used_by(config: Config, manifest: Manifest) -> list[Artifact]:
    """Return what a stage and its parts read: the corpus's files, or what earlier stages of the run wrote."""
    inputs = {name for stage in (manifest, *_parts(config.run_dir, manifest)) for name in stage.inputs}
    used = [_corpus(config, manifest)] if any(name.startswith(f"{CORPUS}.") for name in inputs) else []
    names = inputs | {name.replace("/", ".") for name in inputs}
    for path in sorted((config.run_dir / "manifests").glob("[a-z]*.json")):
        earlier = read_manifest(config.run_dir, path.stem)
        if earlier.stage != manifest.stage and "." not in earlier.stage:
            made = made_by(config.run_dir, earlier)
            used += [
                artifact
                for artifact in made
                if {artifact.kind, artifact.kind.split(".")[0]} & names
                and manifest.inputs.get(artifact.kind, artifact.digest) == artifact.digest  # not of a grown corpus
            ]
    return used


def _parts(run_dir: Path, manifest: Manifest) -> list[Manifest]:
    """Return the manifests of a stage's parts, `<stage>.<part>`."""
    paths = sorted((run_dir / "manifests").glob(f"{manifest.stage}.*.json"))
    return [read_manifest(run_dir, path.stem) for path in paths]


def _output(run_dir: Path, manifest: Manifest, name: str) -> Artifact:
    files = {file: facts for file, facts in manifest.files.items() if Path(file).parts[0] == name}
    digest = manifest.digest(f"{name}/" if name not in files else name)
    facts = {"bytes": sum(file["bytes"] for file in files.values()), "files": len(files), "counts": manifest.counts}
    return Artifact(manifest.stage if "." in manifest.stage else name, (run_dir / name,), digest, facts)


def _corpus(config: Config, manifest: Manifest) -> Artifact:
    digests = {name: digest for name, digest in manifest.inputs.items() if name.startswith(f"{CORPUS}.")}
    sources = [source.path for source in config.corpus.documents]
    for source in config.corpus.queries:
        sources += [source.path, *([source.qrels] if source.qrels else [])]
    paths = tuple(dict.fromkeys(locate(path) for path in sources))
    digest = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    return Artifact(CORPUS, paths, digest, {"bytes": sum(path.stat().st_size for path in paths), "sha256": digests})
