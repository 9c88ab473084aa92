"""Where a rank runs: its number, its device, the messages between ranks."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from srdist.cluster.rendezvous import free_port
from srdist.errors import UserError

if TYPE_CHECKING:
    import torch

WAIT_SECONDS = 1.0
T = TypeVar("T")


@dataclass(frozen=True)
class Rank:
    """One process of the training.

    Attributes:
        rank: its number among all.
        ranks: how many there are.
        local_rank: its number on this machine.
    """

    rank: int
    ranks: int
    local_rank: int

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes the shared files."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """The GPU of this rank, the only one where Slurm lets it see no other; the CPU where there is none."""
        import torch

        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", self.local_rank if torch.cuda.device_count() > 1 else 0)

    def memory_gb(self) -> float:
        """Return the most memory in use so far, in GB (10^9 bytes): of the GPU, or of the process."""
        import torch

        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 1e9
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def find_rank(environment: Mapping[str, str] = os.environ) -> Rank:
    """Read the rank from the environment: torchrun's variables, else Slurm's, else a single rank."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if "RANK" not in environment and int(environment.get("SLURM_NTASKS", "1")) > 1:
        names = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
    elif "RANK" not in environment:
        return Rank(0, 1, 0)
    try:
        return Rank(*(int(environment[name]) for name in names))
    except KeyError as error:
        raise UserError(f"environment variable {error} is not set", cure="start ranks with torchrun or srun") from None


def join_ranks(rank: Rank) -> None:
    """Connect this rank to the others: NCCL between GPUs, gloo between CPUs.

    Raises:
        UserError: several ranks, and `MASTER_ADDR` or `MASTER_PORT` is not set.
    """
    import torch

    if rank.ranks == 1 and "MASTER_PORT" not in os.environ:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise UserError(f"environment variable {name} is not set", cure="set it to the first rank's host or port")
    local = rank.local_rank if rank.device.type == "cpu" else rank.device.index  # DeepSpeed takes its GPU from there
    os.environ |= {"RANK": str(rank.rank), "WORLD_SIZE": str(rank.ranks), "LOCAL_RANK": str(local)}
    if rank.device.type == "cuda":
        torch.cuda.set_device(rank.device)
    deepspeed = import_deepspeed(rank)
    deepspeed.init_distributed(dist_backend="nccl" if rank.device.type == "cuda" else "gloo", verbose=False)


def import_deepspeed(rank: Rank) -> Any:
    """Import DeepSpeed for this rank's device, quietly and without compiling anything on a CPU."""
    import logging
    import warnings

    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    if rank.device.type == "cpu":
        os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    if rank.device.type == "cpu":
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


def sum_over_ranks(values: torch.Tensor) -> torch.Tensor:
    """Add a tensor up over all ranks, in place."""
    import torch.distributed

    torch.distributed.all_reduce(values)
    return values


def gather_objects(value: Any, rank: Rank) -> list[Any]:
    """Return every rank's value, on every rank."""
    import torch.distributed

    values: list[Any] = [None] * rank.ranks
    torch.distributed.all_gather_object(values, value)
    return values


def done_by_first(work: Callable[[], T], rank: Rank) -> T | None:
    """Have rank 0 do `work` in a thread while the others wait; all ranks call it. Return its value there.

    The others are told every second that they must wait: a rank that hears nothing for some minutes gives up.
    """
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work) if rank.is_first else None
        while not gather_objects(_is_done(future), rank)[0]:
            pass
    return future.result() if future else None


def _is_done(work: Future | None) -> bool:
    if work is None or not wait([work], WAIT_SECONDS).done:
        return False
    work.result()  # raises its error here, before the others are told to go on
    return True


def leave_ranks() -> None:
    """Wait for the other ranks and disconnect."""
    import torch.distributed

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
