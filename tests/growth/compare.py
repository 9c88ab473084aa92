"""What a run's corpus is, whatever the partitions that it lies in."""

from __future__ import annotations

from pathlib import Path

from srdist.config.schema import Config
from srdist.storage.corpus import MADE_BY, corpus_counts, corpus_dir, live_passages
from srdist.storage.manifest import read_manifest
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import PASSAGES
from srdist.trie import Trie
from tests.growth.runs import corpus_files
from tests.trie.test_trie import walk

Tokens = tuple[int, ...]
COUNTS = ("documents", "titles", "passages", "tokens")


def language(run_dir: Path) -> dict[Tokens, dict[Tokens, list[str]]]:
    """Return title -> passage up to the cut -> ids of the passages, as the trie has them in tokens."""
    trie = Trie.open(run_dir)
    ids = [name for table in open_partitions(corpus_dir(run_dir) / PASSAGES) for name in table["id"].to_pylist()]
    titles = [leaf for _, _, leaves in walk(trie, "title", [(trie.title_root, None)]) for leaf in leaves]
    found: dict[Tokens, dict[Tokens, list[str]]] = {}
    for _, target, path in titles:
        if target < 0:
            assert [*trie.title_tokens(~target), trie.title_end] == list(path)
            root = trie.passage_root(~target)
            ways = [(root, ())] if root < 0 else []
            for _, _, choices in walk(trie, "passage", [(root, None)]) if root >= 0 else ():
                ways += [(leaf, way) for _, leaf, way in choices]
            found[path] = {way: [ids[passage] for passage in trie.same_text(~leaf)] for leaf, way in ways if leaf < 0}
            below = [name for names in found[path].values() for name in names]
            assert sorted(below) == sorted(ids[passage] for passage in trie.passages_of(~target))
    assert len(found) == trie.n_titles
    return found


def by_title(run_dir: Path) -> dict[str, list[tuple]]:
    """Return title -> its passages, in order."""
    found: dict[str, list[tuple]] = {}
    for table in live_passages(run_dir, ("title", "id", "document", "text", "paragraph")):
        for title, *row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            found.setdefault(title, []).append(tuple(row))
    return found


def assert_same_corpus(grown: Config, fresh: Config) -> None:
    """Compare titles, passages and the language of the constraint."""
    assert by_title(grown.run_dir) == by_title(fresh.run_dir)
    assert language(grown.run_dir) == language(fresh.run_dir)
    mine, theirs = (corpus_counts(config.run_dir) for config in (grown, fresh))
    assert {name: mine[name] for name in COUNTS} == {name: theirs[name] for name in COUNTS}


def assert_same_bytes(compacted: Config, fresh: Config) -> None:
    """Compare the files of tables and trie, and what the manifests say of them."""
    assert corpus_files(compacted.run_dir) == corpus_files(fresh.run_dir)
    assert not (compacted.run_dir / "growth").exists()
    mine, theirs = (read_manifest(config.run_dir, "index") for config in (compacted, fresh))
    assert (mine.settings, mine.inputs, mine.files, mine.counts) == (
        theirs.settings,
        theirs.inputs,
        theirs.files,
        theirs.counts,
    )
    mine, theirs = (read_manifest(config.run_dir, "prepare") for config in (compacted, fresh))
    folders = tuple(f"{name}/" for name in MADE_BY["prepare"])
    assert all(mine.files[name] == facts for name, facts in theirs.files.items() if name.startswith(folders))
    assert not [name for name in mine.files if name.startswith(folders) and name not in theirs.files]
    assert {name: mine.counts[name] for name in COUNTS} == {name: theirs.counts[name] for name in COUNTS}
