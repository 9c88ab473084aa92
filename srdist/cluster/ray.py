"""Ray: a local cluster of one machine, or a running one (`RAY_ADDRESS`); the same tasks on both."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from srdist.config.schema import ClusterConfig
from srdist.errors import UserError

CURE = "unset RAY_ADDRESS, if it is set, to start Ray on this machine"
CONNECT_SECONDS = 10
NODES = "SRDIST_RAY_NODES"
"""Environment variable with the number of nodes that the cluster of `RAY_ADDRESS` will have."""


@contextmanager
def ray_cluster(config: ClusterConfig) -> Iterator[None]:
    """Connect to the cluster that `RAY_ADDRESS` names, or start one on this machine for the block's time.

    Inside another `ray_cluster` block, that block's cluster is used.

    Raises:
        UserError: the cluster cannot be reached, or not all its nodes join it in time.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if "RAY_ADDRESS" not in os.environ:
        options |= {
            "address": "local",
            "num_cpus": config.workers or len(os.sched_getaffinity(0)),
            "object_store_memory": config.object_store_mb << 20,
            "include_dashboard": False,
        }
    else:
        check_address(os.environ["RAY_ADDRESS"])
    try:
        ray.init(**options)
    except (ConnectionError, ValueError) as error:
        raise UserError(f"cannot start or reach Ray: {error}", cure=CURE) from None
    try:
        if NODES in os.environ:
            _wait_for_nodes(int(os.environ[NODES]), config.slurm.join_seconds)
            del os.environ[NODES]  # a node that is lost later does not stop the stages that follow
        yield
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Refuse `host:port` where nothing listens; Ray would try for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot reach Ray at RAY_ADDRESS={address}: {error}", cure=CURE) from None


def _wait_for_nodes(count: int, seconds: float) -> None:
    import ray

    deadline = time.monotonic() + seconds
    while (found := sum(node["Alive"] for node in ray.nodes())) < count:
        if time.monotonic() > deadline:
            what = f"only {found} of {count} nodes joined the Ray cluster within {seconds:g} s"
            raise UserError(what, cure="see the nodes' logs; cluster.slurm.join_seconds gives them longer")
        time.sleep(0.2)


def run_tasks(
    function: Callable[..., Any], arguments: Iterable[tuple], *, in_flight: int | None = None, gpu: bool = False
) -> Iterator[tuple[int, Any]]:
    """Run one Ray task per tuple of arguments; give (index, result) as they finish.

    A worker that dies is replaced and its task tried again, three times.

    Args:
        function: a module-level function; large arguments should be `ray.put` once.
        arguments: read lazily, so that at most `in_flight` of them are in memory.
        in_flight: tasks submitted and not finished; None: two per CPU.
        gpu: each task takes one GPU, where the cluster has any.

    Raises:
        UserError: a task raised it, or its worker died four times.
        OSError: a task raised it.
    """
    import ray

    has = ray.cluster_resources()
    in_flight = in_flight or 2 * max(1, int(has.get("CPU", 1)))
    gpus = 1 if gpu and has.get("GPU") else 0
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(function)
    running: dict[Any, int] = {}
    waiting = enumerate(arguments)
    while True:
        for index, item in itertools.islice(waiting, in_flight - len(running)):
            running[remote.remote(*item)] = index
        if not running:
            return
        (done, *_), _ = ray.wait(list(running), num_returns=1)
        yield running.pop(done), _result(ray, done)


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, (UserError, OSError)):
            raise error.cause from None
        raise
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        what = f"a Ray worker died four times at the same task ({type(error).__name__})"
        raise UserError(what, cure="look for a lack of memory; cluster.workers makes it fewer at once") from None
