"""The machine that a plan is for: a kind of GPU, or the one it runs on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from srdist.config.gpus import find_gpu, peak_flops
from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.sizing.memory import GIB
from srdist.storage.models import weights_dtype
from srdist.train.launch import number_of_ranks

CUDA_GIB, CUDA_SHARE = 1.5, 0.05
"""kept free on a GPU: CUDA's and NCCL's own memory, and a share for fragmentation"""
CPU_GIB = 2.5
"""what a rank on a CPU holds besides: Python, torch, DeepSpeed, freed memory that glibc keeps (seen: 2.4)"""


@dataclass(frozen=True)
class Machine:
    """Where ranks run.

    Attributes:
        name: kind of device, for people.
        nodes, ranks_per_node: how many ranks there are.
        memory_gib: memory of one rank, in GiB.
        reserved_gib: how much of it is not for the training.
        has_gpus: whether the ranks run on GPUs, so that something can be offloaded to the main memory.
        flops: peak operations per second of one rank; None where unknown.
        flops_source: where that number is from.
        dtype: type of the weights there.
    """

    name: str
    nodes: int
    ranks_per_node: int
    memory_gib: float
    reserved_gib: float
    has_gpus: bool
    flops: float | None
    flops_source: str
    dtype: str


def gpu_machine(config: Config, gpu: str, nodes: int, gpus_per_node: int) -> Machine:
    """Return nodes with GPUs of a known kind, which all compute in bfloat16; raise UserError for an unknown one."""
    kind = find_gpu(gpu)
    reserved = CUDA_GIB + CUDA_SHARE * kind.memory_gib
    flops = kind.bf16_teraflops * 1e12
    dtype = "bfloat16" if config.model.dtype == "auto" else config.model.dtype
    source = "data sheet, bfloat16"
    return Machine(kind.name, nodes, gpus_per_node, kind.memory_gib, reserved, True, flops, source, dtype)


def this_machine(config: Config, nodes: int, ranks_per_node: int | None) -> Machine:
    """Return nodes like this one, on whose GPUs or CPUs as many ranks train as `srdist train` starts here."""
    import torch

    ranks = ranks_per_node or number_of_ranks(config)
    dtype = weights_dtype(config.model.dtype, "cuda" if torch.cuda.is_available() else "cpu")
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / GIB
        device = torch.cuda.get_device_name(0)
        flops = peak_flops(device)
        source = "data sheet, bfloat16" if flops else "unknown"
        reserved = CUDA_GIB + CUDA_SHARE * memory
        return Machine(device, nodes, ranks, memory, reserved, True, *_given(config, flops, source), dtype)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB / ranks
    given = config.train.peak_tflops
    flops = None if given else _measured_flops(dtype) / ranks
    threads = len(os.sched_getaffinity(0))
    name = f"CPU, {threads} threads"
    source = "measured here, a matrix product"
    return Machine(name, nodes, ranks, memory, CPU_GIB, False, *_given(config, flops, source), dtype)


def choose_machine(config: Config, nodes: int, gpus_per_node: int | None, gpu: str | None) -> Machine:
    """Return the machine that the options describe; raise UserError where they do not."""
    if gpu is None:
        return this_machine(config, nodes, gpus_per_node)
    if gpus_per_node is None:
        raise UserError("--gpu needs the number of GPUs of a node", cure="add --gpus-per-node")
    return gpu_machine(config, gpu, nodes, gpus_per_node)


def _given(config: Config, flops: float | None, source: str) -> tuple[float | None, str]:
    peak = config.train.peak_tflops
    return (peak * 1e12, "train.peak_tflops") if peak else (flops, source)


def _measured_flops(dtype: str) -> float:
    """Return the operations per second of a matrix product on this machine's CPUs."""
    import torch

    size, repeats = 1024, 4
    matrix = torch.ones(size, size, dtype=getattr(torch, dtype))
    seconds = []
    for _ in range(repeats):
        before = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - before)
    return 2 * size**3 / min(seconds)
