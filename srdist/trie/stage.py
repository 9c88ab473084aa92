"""The stage `index`: build the constraint of a run, one Ray task per partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srdist.cluster.ray import ray_cluster, run_tasks
from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.progress import progress_bar
from srdist.storage.corpus import GROWTH, corpus_digests, discard_damaged_growth
from srdist.storage.manifest import Manifest, read_manifest
from srdist.storage.partitions import partition_paths
from srdist.storage.stage import Stage
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.templates import Segments, load_tokenizer
from srdist.trie.passage_level import build_passages, is_built
from srdist.trie.title_level import build_titles
from srdist.trie.trie import Trie


def build_index(config: Config, *, overwrite: bool = False) -> Manifest:
    """Build the trie over a run's titles and passages; return the stage's manifest.

    Args:
        config: the experiment; its `prepare` stage has finished.
        overwrite: discard a trie that was made from other tables or with other separators, and a damaged one. What
            was added and removed since is discarded with it, also where only that is damaged.

    Raises:
        UserError: the tables of `prepare` are missing, damaged or do not fit together.
    """
    prepare = read_manifest(config.run_dir, "prepare")
    prepare.verify(config.run_dir, f"{TITLES}/", f"{TOKENS}/")
    templates = {name: getattr(config.templates, name) for name in ("passage_separator", "verdict_separator")}
    inputs = corpus_digests(prepare)
    stage = Stage(config.run_dir, "index", {"templates": templates}, inputs, (TRIE,), kept=(GROWTH,))
    manifest = stage.run(lambda: _build(config, inputs), overwrite=overwrite)
    if overwrite:
        discard_damaged_growth(config.run_dir)
    return manifest


def _build(config: Config, corpus: dict[str, str]) -> dict[str, Any]:
    segments = Segments(config.templates, load_tokenizer(config.model.base))
    about = describe(segments.passage_separator[0], segments.verdict_separator[0], segments.vocabulary, corpus)
    run_dir, count = config.run_dir, partition_count(config.run_dir)
    unfinished = [k for k in range(count) if not is_built(run_dir, k, count, about)]
    with progress_bar() as progress:
        bar = progress.add_task("build the tries", total=count, completed=count - len(unfinished), note="")
        if unfinished:
            with ray_cluster(config.cluster):
                for _ in run_tasks(build_passages, [(run_dir, k, count, about) for k in unfinished]):
                    progress.advance(bar)
    build_titles(run_dir, about)
    return trie_counts(run_dir)


def trie_counts(run_dir: Path) -> dict[str, Any]:
    """Return what the manifest of `index` counts."""
    counts = Trie(run_dir).counts()
    size = sum(path.stat().st_size for path in (run_dir / TRIE).glob("*.arrow"))
    return {**counts, "bytes": size, "bytes_per_passage": round(size / counts["passages"], 3)}


def describe(title_end: int, passage_end: int, vocabulary: int, corpus: dict[str, str]) -> dict[str, Any]:
    """Return what every file of a trie says about itself."""
    return {"title_end": title_end, "passage_end": passage_end, "vocabulary": vocabulary, "corpus": corpus}


def partition_count(run_dir: Path) -> int:
    """Return the number of partitions of a run's titles and tokens.

    Raises:
        UserError: they have different numbers.
    """
    titles, tokens = (len(partition_paths(run_dir / folder)) for folder in (TITLES, TOKENS))
    if titles != tokens:
        what = f"{titles} partitions of titles, but {tokens} of tokens"
        raise UserError(what, file=run_dir / TOKENS, cure="run `srdist prepare --overwrite`")
    return tokens
