"""What GPUs hold and how fast they are: for `srdist plan` and the FLOPs utilisation of a training."""

from __future__ import annotations

import re
from dataclasses import dataclass

from srdist.errors import UserError


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU.

    Attributes:
        name: how `srdist plan --gpu` calls it.
        device: pattern in the name that CUDA gives the device.
        memory_gib: memory that a process sees, in GiB (2^30 bytes): less than what is printed on the box.
        bf16_teraflops: peak of dense bfloat16 matrix products, in 10^12 operations per second (data sheets).
    """

    name: str
    device: str
    memory_gib: float
    bf16_teraflops: float


GPUS = (
    Gpu("gh200-96g", r"GH200", 94.5, 989),
    Gpu("b200-180g", r"B200", 178.3, 2250),
    Gpu("h200-141g", r"H200", 139.8, 989),
    Gpu("h100-nvl-94g", r"H100 NVL", 93.1, 835),
    Gpu("h100-pcie-80g", r"H100 PCIe", 79.1, 756),
    Gpu("h100-80g", r"H100", 79.1, 989),
    Gpu("a100-80g", r"A100.*80GB", 79.1, 312),
    Gpu("a100-40g", r"A100", 39.4, 312),
    Gpu("l40s-48g", r"L40S", 44.4, 362),
    Gpu("l4-24g", r"L4\b", 22.0, 121),
    Gpu("a10g-24g", r"A10G", 22.0, 70),
    Gpu("a10-24g", r"A10\b", 22.0, 125),
    Gpu("a6000-48g", r"RTX A6000", 47.4, 155),
    Gpu("rtx4090-24g", r"RTX 4090", 23.5, 165),
    Gpu("rtx3090-24g", r"RTX 3090", 23.6, 71),
)
"""The first whose pattern is found is meant: special kinds stand before the family that they belong to."""


def find_gpu(name: str) -> Gpu:
    """Return the kind of GPU that is called `name`; raise UserError for an unknown one."""
    for gpu in GPUS:
        if gpu.name == name.lower():
            return gpu
    raise UserError(f"unknown GPU {name!r}", cure=f"known: {', '.join(gpu.name for gpu in GPUS)}")


def peak_flops(device_name: str) -> float | None:
    """Return the peak of a device in bfloat16 operations per second; None for an unknown one (a CPU too).

    Args:
        device_name: as `torch.cuda.get_device_name` gives it.
    """
    return next((gpu.bf16_teraflops * 1e12 for gpu in GPUS if re.search(gpu.device, device_name)), None)
