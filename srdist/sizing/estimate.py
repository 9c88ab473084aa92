"""`srdist plan`: everything that can be known of a training before it is started."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.sizing.advice import cures
from srdist.sizing.disk import disk_needs
from srdist.sizing.machine import Machine
from srdist.sizing.memory import GATHER_BUCKET, LIVE_PARAMETERS, REDUCE_BUCKET, Setup, host_memory, rank_memory
from srdist.sizing.model import read_dimensions
from srdist.sizing.work import Corpus, PhaseWork, estimated_work, operations, prepared_work, read_corpus
from srdist.train.settings import deepspeed_settings


def make_setup(config: Config, nodes: int, ranks_per_node: int, has_gpus: bool = True) -> Setup:
    """Read from config and DeepSpeed JSON what decides the memory.

    Raises:
        UserError: the DeepSpeed JSON contradicts the config.
    """
    zero = deepspeed_settings(config, nodes * ranks_per_node).get("zero_optimization", {})

    def offloaded(key: str) -> bool:
        return has_gpus and zero.get(key, {}).get("device", "none") != "none"

    return Setup(
        nodes=nodes,
        ranks_per_node=ranks_per_node,
        stage=zero.get("stage", 0),
        value_bytes=2 if config.model.dtype == "bfloat16" else 4,
        row_tokens=config.train.row_tokens,
        checkpointing=config.train.gradient_checkpointing,
        offload_optimizer=offloaded("offload_optimizer"),
        offload_parameters=offloaded("offload_param"),
        eager=config.model.attention == "eager",
        overlap=bool(zero.get("overlap_comm", False)),
        reduce_bucket=int(zero.get("reduce_bucket_size", REDUCE_BUCKET)),
        gather_bucket=int(zero.get("allgather_bucket_size", GATHER_BUCKET)),
        live_parameters=int(zero.get("stage3_max_live_parameters", LIVE_PARAMETERS)),
    )


def estimate(config: Config, machine: Machine, utilization: float) -> dict[str, Any]:
    """Return the plan as JSON values; memory in GiB, disk in bytes, None where something cannot be known yet.

    Args:
        utilization: model FLOPs utilisation that is assumed.

    Raises:
        UserError: the model's dimensions are not known, or the DeepSpeed JSON contradicts the config.
    """
    config = config.with_dtype(machine.dtype)
    model = read_dimensions(config)
    setup = make_setup(config, machine.nodes, machine.ranks_per_node, machine.has_gpus)
    memory = rank_memory(model, setup)
    room = machine.memory_gib - machine.reserved_gib
    fits = sum(memory.values()) <= room
    phases, corpus, source = _work(config)
    rows_per_step = config.train.rows_per_step
    busy = rows_per_step / -(-rows_per_step // setup.ranks)
    hours = None
    if phases and machine.flops:
        hours = operations(model, phases) / (machine.flops * busy * utilization) / 3600
    return {
        "name": config.name,
        "model": {"base": config.model.base, **asdict(model)},
        "machine": asdict(machine),
        "setup": asdict(setup),
        "memory_gib": {**memory, "total": sum(memory.values())},
        "room_gib": room,
        "fits": fits,
        "cures": [] if fits else cures(model, setup, room, machine.has_gpus),
        "host_memory_gib": host_memory(model, setup),
        "work": {
            "source": source,
            "phases": [{**asdict(phase), "steps": -(-phase.rows // rows_per_step)} for phase in phases or []],
            "steps": -(-sum(phase.rows for phase in phases) // rows_per_step) if phases else None,
            "busy_ranks": busy,
            "hours": hours,
            "utilization": utilization,
        },
        "disk_bytes": disk_needs(config, model, setup, phases, corpus),
    }


def _work(config: Config) -> tuple[list[PhaseWork] | None, Corpus | None, str]:
    """Return the phases, the corpus where it was read, and in words where the numbers are from."""
    phases = prepared_work(config)
    if phases is not None:
        return phases, None, "counted in the prepared mixture"
    try:
        corpus = read_corpus(config)
    except UserError as error:
        return None, None, f"unknown: the corpus cannot be read ({error})"
    return estimated_work(config, corpus), corpus, "estimated from the first documents of the corpus"
