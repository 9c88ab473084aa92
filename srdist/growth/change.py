"""Change the corpus of a finished index: add documents, remove documents, write it compactly again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from srdist.config.paths import locate
from srdist.config.schema import Config, DocumentSource
from srdist.errors import UserError
from srdist.growth.addition import corpus_facts, write_change
from srdist.growth.check import check_removed, check_run
from srdist.growth.compact import install, write_compact
from srdist.growth.folder import Corpus, abandon, begin, commit, settle
from srdist.storage.corpus import corpus_counts, live_titles, read_growth
from srdist.storage.disk import refused_writes_told
from srdist.storage.stage import Stage, digest


def change_corpus(config: Config, source: DocumentSource | None, removed: Collection[str]) -> dict[str, Any]:
    """Add the documents of a file and remove others, both at once; return the counts of the corpus.

    Trie and tables are as if made afresh from the corpus without the removed documents and with the added ones at
    its end. A change that was killed is taken up again by the same command, and was not made until then.

    Args:
        config: the run's own.
        source: file of documents to add.
        removed: ids of documents to remove.

    Raises:
        UserError: `index` has not finished or another process is changing it, the config is not the run's, a
            document to add is there already or cannot be used, or one to remove is not there.
    """
    run_dir, removed = config.run_dir, sorted(set(removed))
    added = {"format": source.format, "sha256": digest(locate(source.path))} if source else None
    command = {"add": added, "remove": removed}
    with _alone(config):
        if settle(run_dir) == command:
            return corpus_counts(run_dir)
        check_run(config)
        check_removed(run_dir, removed)
        before, folder = Corpus.of(run_dir), begin(run_dir, command)
        try:
            known, changed = write_change(config, before, folder, source, removed)
        except UserError:
            abandon(run_dir)
            raise
        counts = {**corpus_facts(folder, live_titles(folder)), **changed}
        commit(run_dir, folder, known, before.about["corpus"], counts)
    return corpus_counts(run_dir)


def compact_corpus(config: Config) -> dict[str, Any]:
    """Make the tables and the trie what `prepare` and `index` would make of the corpus; return its counts.

    Raises:
        UserError: see `change_corpus`.
    """
    run_dir = config.run_dir
    with _alone(config):
        settle(run_dir)
        if read_growth(run_dir) is not None:
            check_run(config)
            before, folder = Corpus.of(run_dir), begin(run_dir, {"compact": True})
            counts = corpus_counts(run_dir)
            known, corpus = write_compact(config, before, folder, counts["passages"])
            install(run_dir, commit(run_dir, folder, known, corpus, corpus_facts(folder, live_titles(folder))))
    return corpus_counts(run_dir)


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Keep others from changing the index; bring a compaction to its end that a kill has left half installed."""
    with Stage(config.run_dir, "index", {}, {}, ()).lock(), refused_writes_told(config.run_dir):
        grown = read_growth(config.run_dir)
        if grown is not None and "compact" in grown.settings["change"]["command"]:
            install(config.run_dir, grown)
        yield
