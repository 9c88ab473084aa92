"""Where the tasks of a change run: Ray takes ten seconds to start, which few documents are not worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from srdist.cluster.ray import ray_cluster, run_tasks
from srdist.config.schema import Config
from srdist.prepare.shuffle import Runner

SMALL = 20_000
"""passages, or a tenth as many documents, that one process splits, tokenizes and indexes in about that time"""


@contextmanager
def workers(config: Config, passages: int) -> Iterator[Runner]:
    """Give `run_tasks`, or its like in this process for few passages."""
    if passages <= SMALL:
        yield run_here
    else:
        with ray_cluster(config.cluster):
            yield run_tasks


def run_here(function: Callable[..., Any], arguments: Iterable[tuple], **_: Any) -> Iterator[tuple[int, Any]]:
    """Run tasks as `run_tasks` does, one after the other in this process."""
    for index, item in enumerate(arguments):
        yield index, function(*item)
