"""Ray actors that each hold something heavy, a model for instance, and are handed batches."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from srdist.errors import UserError

TRIES = 4
"""Deaths of workers at one batch, or of one worker and those in its place while they started, that end the command."""
RESTART_SECONDS = 5.0
"""Before a worker that died while it started is replaced; doubled each time. Ray takes up to half a minute to notice
that a node is gone (16 s were seen), and starts workers there until then."""
NODE_CHECK_SECONDS = 30.0
Work = Callable[..., Any]


class _Actor:
    """One worker process."""

    def __init__(self) -> None:
        self.work: Work | None = None

    def start(self, make: Callable[[], Work]) -> None:
        self.work = make()

    def run(self, batch: tuple) -> Any:
        return self.work(*batch)


def run_on_actors(
    make: Callable[[], Work],
    batches: Sequence[tuple],
    *,
    cpus: int = 1,
    memory: float = 0,
    gpu: bool = False,
    actors: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """Hand batches, in order, to actors; give (index, result) as they finish.

    An actor that dies is replaced, and its batch goes to the next one that is free. One that dies while it starts
    is replaced after a pause, in which the others go on.

    Args:
        make: called once in every actor; returns what is called with the values of a batch.
        batches: small; what is large is read by the actors.
        cpus: CPUs that an actor takes.
        memory: bytes of main memory that it takes, about: without GPUs, no more actors than the cluster has room for.
        gpu: an actor takes one GPU instead, where the cluster has any.
        actors: number of actors; None: as many as fit into the cluster. Never more than batches.

    Raises:
        UserError: an actor raised it; an actor does not fit; four died at the same batch, or in one's place while
            they started.
    """
    import ray

    gpus = 1 if gpu and ray.cluster_resources().get("GPU") else 0
    remote = ray.remote(num_cpus=0 if gpus else cpus, num_gpus=gpus, max_restarts=0)(_Actor)
    pool = _Pool(ray, remote, make, batches)
    try:
        for _ in range(min(actors or _fitting(ray, cpus, gpus, memory), len(batches))):
            pool.add_actor()
        for _ in batches:
            yield pool.next_result()
    finally:
        pool.close()


def _fitting(ray: Any, cpus: int, gpus: int, memory: float) -> int:
    """Return how many actors fit into the cluster."""
    has = ray.cluster_resources()
    if gpus:
        return int(has["GPU"])
    if has.get("CPU", 0) < cpus:
        what = f"a worker takes {cpus} CPUs, Ray has {has.get('CPU', 0):g}"
        raise UserError(what, cure="lower retrieve.threads or raise cluster.workers")
    by_memory = has.get("memory", 0) // memory if memory else has["CPU"]
    return max(1, int(min(has["CPU"] // cpus, by_memory)))


class _Pool:
    """The actors, what each is doing, and the batches that wait."""

    def __init__(self, ray: Any, remote: Any, make: Callable[[], Work], batches: Sequence[tuple]):
        self.ray, self.remote, self.batches = ray, remote, batches
        self.make = ray.put(make)
        self.waiting = deque(range(len(batches)))
        self.starting: dict[Any, tuple[Any, int]] = {}  # reference -> actor, how many died in its place
        self.due: list[tuple[float, int]] = []  # when to start an actor, how many died in its place
        self.busy: dict[Any, tuple[Any, int]] = {}  # reference -> actor, its batch
        self.idle: list[Any] = []
        self.deaths: Counter[int] = Counter()  # of each batch

    def add_actor(self, died: int = 0) -> None:
        """Start one more actor, in the place of so many that died while they started."""
        actor = self.remote.remote()
        self.starting[actor.start.remote(self.make)] = actor, died

    def next_result(self) -> tuple[int, Any]:
        """Wait until a batch is done; keep all actors busy meanwhile."""
        while True:
            done = self._wait()
            starts = done in self.starting
            actor, number = (self.starting if starts else self.busy).pop(done)
            try:
                result = self.ray.get(done)
            except self.ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, (UserError, OSError)):
                    raise error.cause from None
                raise
            except (self.ray.exceptions.RayActorError, self.ray.exceptions.OutOfMemoryError) as error:
                self.ray.kill(actor)  # it may be out of reach, not dead
                if starts:
                    self._start_later(number + 1, error)
                else:
                    self._try_again(number, error)
                continue
            self.idle.append(actor)
            self._hand_out()
            if not starts:
                return number, result

    def close(self) -> None:
        """End all actors."""
        for actor in [*self.idle, *(actor for actor, _ in [*self.starting.values(), *self.busy.values()])]:
            self.ray.kill(actor)

    def _wait(self) -> Any:
        """Return a reference whose result is there; raise UserError if there is no machine left to make one."""
        while True:
            self._start_due()
            pause = NODE_CHECK_SECONDS
            if self.due:
                pause = max(0.0, min(self.due)[0] - time.monotonic())
            if references := [*self.starting, *self.busy]:
                done, _ = self.ray.wait(references, num_returns=1, timeout=pause)
                if done:
                    return done[0]
            else:
                time.sleep(pause)
            if not any(node["Alive"] for node in self.ray.nodes()):
                raise UserError("all nodes of the Ray cluster are dead", cure="run the same command again: it goes on")

    def _start_due(self) -> None:
        now = time.monotonic()
        for _, died in [entry for entry in self.due if entry[0] <= now]:
            self.add_actor(died)
        self.due = [entry for entry in self.due if entry[0] > now]

    def _hand_out(self) -> None:
        while self.idle and self.waiting:
            actor, index = self.idle.pop(), self.waiting.popleft()
            self.busy[actor.run.remote(self.batches[index])] = actor, index

    def _start_later(self, died: int, error: Exception) -> None:
        if died == TRIES:
            raise _too_many_died("while they started", error) from None
        self.due.append((time.monotonic() + RESTART_SECONDS * 2 ** (died - 1), died))

    def _try_again(self, index: int, error: Exception) -> None:
        self.deaths[index] += 1
        if self.deaths[index] == TRIES:
            raise _too_many_died("at the same batch", error) from None
        self.waiting.appendleft(index)
        self.add_actor()
        self._hand_out()


def _too_many_died(where: str, error: Exception) -> UserError:
    what = f"{TRIES} workers died {where} ({type(error).__name__})"
    return UserError(what, cure="look for a lack of memory; cluster.workers makes it fewer at once")
