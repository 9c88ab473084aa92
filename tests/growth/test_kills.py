"""After a kill at any moment the corpus is the old or the new one; the same command again ends with the same bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from srdist.config.schema import Config
from srdist.growth.change import change_corpus, compact_corpus
from srdist.storage.files import ASIDE
from tests.growth.compare import by_title, language
from tests.growth.runs import Document, make_config, make_run, source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unsynced")]

OLD: list[Document] = [
    {"id": "d1", "title": "Sea", "text": "The sea is salt. It is deep."},
    {"id": "d2", "title": "Salt", "text": "Salt of the earth."},
    {"id": "d3", "title": "Sea", "text": "Another sea."},
]
NEW: list[Document] = [
    {"id": "d4", "title": "sea", "text": "A third sea."},
    {"id": "d5", "title": "Earth", "text": "The earth is round."},
]


class Killed(BaseException):
    pass


def die_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Die at the `step`-th file or folder that appears or disappears, and at every later one."""
    taken, unlink = 0, os.unlink

    def counted(function: Callable) -> Callable:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            nonlocal taken
            taken += function is not unlink or not str(path).endswith(ASIDE)
            if taken >= step:
                raise Killed
            return function(path, *arguments, **options)

        return call

    for module, name in ((os, "replace"), (os, "link"), (os, "unlink"), (shutil, "rmtree")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", ASIDE))
    }


def state(config: Config) -> tuple:
    return by_title(config.run_dir), language(config.run_dir)


def change(config: Config) -> None:
    change_corpus(config, source(config.run_dir.with_name("new.jsonl"), NEW), ["d1"])


@pytest.mark.parametrize("command", [change, compact_corpus], ids=["add and remove", "compact"])
def test_a_kill_at_every_step(tmp_path: Path, base: Path, command: Callable[[Config], Any]) -> None:
    before = make_run(make_config(tmp_path / "before", base), OLD)
    if command is compact_corpus:
        change(before)
    done = make_config(tmp_path / "done", base)
    shutil.copytree(before.run_dir, done.run_dir)
    command(done)
    states, expected = [state(before), state(done)], contents(done.run_dir)
    step = 0
    while True:
        step += 1
        run = make_config(tmp_path / "run", base)
        shutil.copytree(before.run_dir, run.run_dir)
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, step)
            try:
                command(run)
                break
            except Killed:
                pass
        assert state(run) in states
        command(run)
        assert contents(run.run_dir) == expected, f"killed at step {step}"
        shutil.rmtree(run.run_dir)
    assert step > 20
