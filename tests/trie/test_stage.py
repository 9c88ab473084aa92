"""The stage builds the same bytes with any number of workers, and goes on where it stopped."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.manifest import manifest_path
from srdist.storage.tables import TOKENS, TRIE
from srdist.trie import Trie, stage
from srdist.trie.stage import build_index
from tests.tiny import make_tiny_model
from tests.trie.corpora import Partitions, write_tables

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), ["a title", "Text: a passage"])


def random_corpus(seed: int = 0) -> Partitions:
    generator = np.random.default_rng(seed)

    def sequence() -> list[int]:
        return generator.integers(0, 200, generator.integers(1, 9)).tolist()

    return [[(sequence(), [sequence() for _ in range(generator.integers(1, 9))]) for _ in range(20)] for _ in range(3)]


def config(run_dir: Path, base: Path, workers: int = 1, **templates: str) -> Config:
    return Config.model_validate(
        {
            "name": "trie",
            "output": str(run_dir),
            "corpus": {"documents": [{"format": "jsonl", "path": "documents.jsonl"}]},
            "model": {"base": str(base)},
            "train": {"deepspeed": "deepspeed.json"},
            "templates": templates,
            "cluster": {"workers": workers, "object_store_mb": 100},
        }
    )


def contents(run_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run_dir / TRIE).iterdir())}


def test_neither_processes_nor_their_order_change_a_byte(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, manifests = random_corpus(), {}
    for name in ("workers", "here"):
        write_tables(tmp_path / name, corpus)
    manifests["workers"] = build_index(config(tmp_path / "workers", base))
    monkeypatch.setattr(stage, "ray_cluster", lambda _: nullcontext())
    monkeypatch.setattr(stage, "run_tasks", lambda task, items: [(0, task(*item)) for item in reversed(list(items))])
    manifests["here"] = build_index(config(tmp_path / "here", base))
    assert contents(tmp_path / "workers") == contents(tmp_path / "here")
    assert manifests["workers"].counts == manifests["here"].counts
    counts, trie = manifests["here"].counts, Trie.open(tmp_path / "here")
    assert counts["titles"] == trie.n_titles == 60
    assert counts["passages"] == trie.n_passages == sum(len(passages) for part in corpus for _, passages in part)
    assert counts["bytes"] == sum(map(len, contents(tmp_path / "here").values()))


def test_a_part_that_is_not_whole_is_built_again(tmp_path: Path, base: Path) -> None:
    write_tables(tmp_path, random_corpus())
    build_index(config(tmp_path, base))
    before = contents(tmp_path)
    manifest_path(tmp_path, "index").rename(manifest_path(tmp_path, ".index.pending"))  # as a kill leaves it
    part = sorted((tmp_path / TRIE).glob("part-*"))[1]
    part.write_bytes(part.read_bytes()[:100])
    build_index(config(tmp_path, base))
    assert contents(tmp_path) == before


def test_it_goes_on_after_a_kill_and_does_nothing_twice(tmp_path: Path, base: Path) -> None:
    write_tables(tmp_path, random_corpus())
    first = build_index(config(tmp_path, base))
    before = contents(tmp_path)
    manifest_path(tmp_path, "index").rename(manifest_path(tmp_path, ".index.pending"))
    parts = sorted((tmp_path / TRIE).glob("part-*"))
    parts[1].unlink()
    (tmp_path / TRIE / "titles.arrow").unlink()
    (tmp_path / TRIE / "part-00001-of-00003.arrow.7.aside").write_text("half of a par")
    for path in (parts[0], parts[2]):
        os.utime(path, ns=(1, 1))
    again = build_index(config(tmp_path, base))
    assert contents(tmp_path) == before and (again.files, again.counts) == (first.files, first.counts)
    assert [path.stat().st_mtime_ns == 1 for path in parts] == [True, False, True]
    os.utime(parts[1], ns=(1, 1))
    assert build_index(config(tmp_path, base)).seconds == again.seconds
    assert parts[1].stat().st_mtime_ns == 1


def test_other_separators_are_refused_until_overwritten(tmp_path: Path, base: Path) -> None:
    write_tables(tmp_path, random_corpus())
    build_index(config(tmp_path, base))
    changed = config(tmp_path, base, passage_separator="|")
    before = Trie.open(tmp_path).title_end
    with pytest.raises(UserError, match=r"(?s)templates.passage_separator was .*, is \|"):
        build_index(changed)
    build_index(changed, overwrite=True)
    assert Trie.open(tmp_path).title_end != before


def test_damaged_tokens_are_refused_before_anything_is_built(tmp_path: Path, base: Path) -> None:
    write_tables(tmp_path, random_corpus())
    path = sorted((tmp_path / TOKENS).iterdir())[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged") as caught:
        build_index(config(tmp_path, base))
    assert caught.value.file == path and not (tmp_path / TRIE).exists()
