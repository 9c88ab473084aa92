"""Batches on actors of a real Ray."""

import contextlib
import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from srdist.cluster import actors
from srdist.cluster.actors import run_on_actors
from srdist.errors import UserError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]


class Doubler:
    """Notes each time it is made; dies at a number as often as there are files for it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / f"made-{os.getpid()}").touch()

    def __call__(self, number):
        deaths = sorted(self.folder.glob(f"die-{number}-*"))
        if deaths:
            deaths[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if number < 0:
            raise UserError("negative", cure="use another")
        time.sleep(0.05)
        return 2 * number


def dies_at_once():
    os.kill(os.getpid(), signal.SIGKILL)


def dies_as_often_as_there_are_files(folder):
    """Die for a file that this process was the one to remove; else make what doubles."""
    for file in sorted(Path(folder).glob("start-*")):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return Doubler(folder)


@pytest.fixture
def two_tries(monkeypatch):
    monkeypatch.setattr(actors, "TRIES", 2)
    monkeypatch.setattr(actors, "RESTART_SECONDS", 0.1)


def doubled(folder, numbers, **options):
    return dict(run_on_actors(partial(Doubler, str(folder)), [(number,) for number in numbers], **options))


def made(folder):
    return len(list(folder.glob("made-*")))


def test_every_batch_gives_a_result_and_what_is_heavy_is_made_once_per_actor(tmp_path):
    assert doubled(tmp_path, range(20), actors=2) == {n: 2 * n for n in range(20)}
    assert made(tmp_path) <= 2


def test_an_actor_that_dies_is_replaced_and_its_batch_tried_again(tmp_path):
    (tmp_path / "die-3-a").touch()
    (tmp_path / "die-3-b").touch()
    assert doubled(tmp_path, range(6), actors=1) == {n: 2 * n for n in range(6)}
    assert made(tmp_path) == 3


def test_a_batch_that_kills_every_actor_ends_with_a_clear_error(tmp_path, two_tries):
    for attempt in range(2):
        (tmp_path / f"die-1-{attempt}").touch()
    with pytest.raises(UserError, match="died at the same batch"):
        doubled(tmp_path, [1], actors=1)


def test_actors_that_die_while_they_start_end_with_a_clear_error(two_tries):
    with pytest.raises(UserError, match="died while they started"):
        list(run_on_actors(dies_at_once, [(1,)], actors=1))


def test_two_workers_that_die_while_they_start_are_not_one_that_dies_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(actors, "TRIES", 2)
    monkeypatch.setattr(actors, "RESTART_SECONDS", 3.0)
    for death in range(2):
        (tmp_path / f"start-{death}").touch()
    make = partial(dies_as_often_as_there_are_files, str(tmp_path))
    assert dict(run_on_actors(make, [(number,) for number in range(6)], actors=2)) == {n: 2 * n for n in range(6)}
    assert not list(tmp_path.glob("start-*"))


class RayThatNeverWaits:
    """Gives a finished result each time."""

    def put(self, value):
        return value

    def wait(self, references, **_):
        return references[:1], references[1:]


class RemoteActor:
    """An actor whose calls return themselves."""

    def remote(self, *_):
        return self

    start = property(lambda self: self)


def test_a_worker_whose_restart_is_due_starts_while_results_come_without_a_pause():
    pool = actors._Pool(RayThatNeverWaits(), RemoteActor(), dies_at_once, [()])
    pool.busy["done"] = RemoteActor(), 0
    pool.due = [(0.0, 1)]
    pool._wait()
    assert [died for _, died in pool.starting.values()] == [1] and not pool.due


def test_a_users_mistake_arrives_whole(tmp_path):
    with pytest.raises(UserError, match="negative -- use another"):
        doubled(tmp_path, [1, -1], actors=1)


def test_an_actor_larger_than_the_cluster_is_refused(tmp_path):
    with pytest.raises(UserError, match="Ray has 2 -- lower retrieve.threads"):
        doubled(tmp_path, [1], cpus=3)


@pytest.mark.parametrize(("memory", "fitting"), [(0, 8), (3e9, 5), (1e9, 8), (1e12, 1)])
def test_no_more_actors_than_memory_has_room_for(memory, fitting):
    ray = SimpleNamespace(cluster_resources=lambda: {"CPU": 16.0, "memory": 16e9})
    assert actors._fitting(ray, cpus=2, gpus=0, memory=memory) == fitting
