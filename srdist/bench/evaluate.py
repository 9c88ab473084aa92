"""What the sharded evaluator costs over a plain loop."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from srdist.bench.figures import Figure
from srdist.cluster.actors import run_on_actors
from srdist.cluster.ray import ray_cluster
from srdist.config import Config
from srdist.decode import decoding
from srdist.decode.batches import BatchFiles, longest_first
from srdist.decode.evaluator import Replica
from srdist.storage.tables import read_queries


def measure(config: Config, *, batches: int = 8, repeats: int = 3) -> list[Figure]:
    """Decode the same batches of a run by one actor and by a plain loop in this process, in turns.

    Both have loaded their model and decoded one batch before the time starts; the loop keeps its records in memory,
    the actor writes its batch files as the stage `retrieve` does. The fastest of `repeats` counts.

    Args:
        config: a trained run's.
        batches: number of batches, of `retrieve.batch_queries` test queries each.
    """
    queries = [
        decoding.Query(row["id"], row["text"], row["gold_titles"]) for row in read_queries(config.run_dir, "test")
    ]
    indices = longest_first([query.text for query in queries], config.retrieve.batch_queries)[:batches]
    work = [(number, [queries[index] for index in batch]) for number, batch in enumerate(indices)]
    with tempfile.TemporaryDirectory() as folder, ray_cluster(config.cluster):
        make = partial(Replica, config, decoding.retrieve, None, BatchFiles(Path(folder), "bench"))
        replica = make()
        decoding.retrieve(replica.retriever, work[0][1])
        pairs = [(_by_loop(replica, work), _by_actor(make, work)) for _ in range(repeats)]
    loop, actor = (min(times) for times in zip(*pairs, strict=True))
    return [
        Figure("evaluator_over_loop", "the evaluator's time over a plain loop's", actor / loop),
        Figure("seconds_per_query", "in the plain loop", loop / sum(len(batch) for _, batch in work), "s"),
    ]


def _by_loop(replica: Replica, work: list[tuple]) -> float:
    started = time.perf_counter()
    for _, batch in work:
        decoding.retrieve(replica.retriever, batch)
    return time.perf_counter() - started


def _by_actor(make: partial, work: list[tuple]) -> float:
    results = run_on_actors(make, [work[0], *work], actors=1)
    next(results)  # the model is loaded, and has run
    started = time.perf_counter()
    for _ in results:
        pass
    return time.perf_counter() - started
