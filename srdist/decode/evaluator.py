"""The sharded evaluator: batches of queries over model replicas, one in each Ray actor."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from srdist.cluster.actors import run_on_actors
from srdist.cluster.ray import ray_cluster
from srdist.config import Config
from srdist.decode.batches import BatchFiles, Record
from srdist.errors import UserError
from srdist.progress import progress_bar
from srdist.storage.tables import MODEL

if TYPE_CHECKING:
    from srdist.decode.retriever import SelfRetriever

MEMORY = 1.5e9
"""bytes that a worker without a GPU takes besides its model, with the batches of the configs here"""
Decode = Callable[..., list[Record]]
"""(retriever, a batch's values ...) -> one record for each of its items"""
Check = Callable[["SelfRetriever"], None]
"""raises UserError if something cannot be decoded, before anything is"""


class Replica:
    """A model replica that turns batches into files.

    Args:
        config: the experiment.
        decode: a module-level function, or a `partial` of one.
        check: the same; called once.
        files: where the batches go.
    """

    def __init__(self, config: Config, decode: Decode, check: Check | None, files: BatchFiles):
        import torch

        from srdist.decode.retriever import SelfRetriever

        torch.set_num_threads(config.retrieve.threads)
        self.decode, self.files = decode, files
        self.retriever = SelfRetriever.load(config.run_dir, config)
        if check is not None:
            check(self.retriever)

    def __call__(self, number: int, *batch: Any) -> Record:
        """Decode and write batch `number`; return facts about it.

        `queries`, `seconds`, `memory_mb` (the most that this process has held so far), sums of the records' counts.

        Raises:
            UserError: decoding raised it, or the GPU has too little memory.
        """
        import torch

        started = time.monotonic()
        try:
            records = self.decode(self.retriever, *batch)
        except torch.OutOfMemoryError as error:
            cure = "lower retrieve.batch_queries, forward_tokens or the number of titles, passages and beams"
            raise UserError(str(error).partition(". ")[0], cure=cure) from None
        seconds = round(time.monotonic() - started, 4)
        memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        facts = {"queries": len(records), "seconds": seconds, "memory_mb": memory}
        for count in ("assessed", "skipped"):
            if records and count in records[0]:
                facts[count] = sum(record[count] for record in records)
        self.files.write(number, records, facts)
        return facts


def run_batches(
    config: Config, what: str, batches: Sequence[tuple], decode: Decode, files: BatchFiles, check: Check | None = None
) -> list[Record]:
    """Decode the batches that are not finished yet; return the facts of all, in order.

    The results do not depend on the number of actors, nor on which of them gets which batch: a batch is always
    decoded by itself, with `retrieve.threads` threads. An actor that is killed costs the batch it had; so does the
    death of this process, which the same call later makes up for.

    Args:
        what: shown beside the progress bar.
        batches: the arguments of `decode` after the retriever; the first of them is as long as the batch has items.
        check: called in every actor before its first batch.

    Raises:
        UserError: decoding raised it, or workers die again and again.
    """
    finished = files.finished()
    todo = [number for number in range(len(batches)) if number not in finished]
    if todo:
        make = partial(Replica, config, decode, check, files)
        wants_gpu = config.retrieve.device == "auto" or config.retrieve.device.startswith("cuda")
        with ray_cluster(config.cluster):
            arguments = [(number, *batches[number]) for number in todo]
            model = sum(path.stat().st_size for path in (config.run_dir / MODEL).iterdir())
            memory = MEMORY + 2 * model
            results = run_on_actors(make, arguments, cpus=config.retrieve.threads, memory=memory, gpu=wants_gpu)
            for index, facts in _shown(results, what, batches, todo):
                finished[todo[index]] = facts
    return [{"batch": number, **finished[number]} for number in range(len(batches))]


def _shown(
    results: Iterator[tuple[int, Record]], what: str, batches: Sequence[tuple], todo: Sequence[int]
) -> Iterator[tuple[int, Record]]:
    """Give the results with a progress bar of the items."""
    total, waiting = (sum(len(batches[number][0]) for number in numbers) for numbers in (range(len(batches)), todo))
    with progress_bar() as bar:
        task = bar.add_task(what, total=total, completed=total - waiting, note="")
        for index, facts in results:
            bar.advance(task, facts["queries"])
            yield index, facts
