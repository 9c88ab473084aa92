"""Ranks of a training: forks of a process that has imported all libraries (a second), or the real commands (ten)."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from srdist.cluster.rendezvous import free_port
from srdist.config.load import save_config
from srdist.config.schema import Config

SHIPPED = json.loads((Path(__file__).parents[2] / "configs" / "deepspeed" / "zero3_cpu.json").read_text())
LIBRARIES = (
    "torch",
    "deepspeed",
    "peft",
    "transformers.models.llama.modeling_llama",
    "transformers.integrations.deepspeed",
    "srdist.train.rank",
    "srdist.train.loop",
    "tests.tiny",
)
TIMINGS = ("seconds", "tokens_per_second", "trained_tokens_per_second", "memory_gb", "model_flops_utilization")
TRAIN = "import sys; from srdist.config import load_config; from srdist.train.stage import train; "
TRAIN += "train(load_config(sys.argv[1]))"


def fork(function: Any, *arguments: Any) -> BaseProcess:
    """Start a process that calls a function and has the libraries from its beginning."""
    os.environ["DS_ACCELERATOR"] = "cpu"  # read when the libraries are imported
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    process = context.Process(target=function, args=arguments, daemon=True)
    process.start()
    return process


def start_ranks(config: Config, ranks: int, *, largest_file: int | None = None) -> list[BaseProcess]:
    """Start `python -m srdist.train.rank` as torchrun would; what the ranks print goes to `<run>.log`.

    Args:
        largest_file: bytes; a rank that writes more to one file gets an error from the system.
    """
    path, shared = written(config), {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    environments = [
        {**shared, "WORLD_SIZE": str(ranks), "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)
    ]
    return [fork(_run, path, log_of(config), environment, largest_file) for environment in environments]


def end_ranks(ranks: list[BaseProcess]) -> list[int | None]:
    """Wait until all ranks have ended, killing the others once one failed as torchrun does; return their codes."""
    while any(rank.is_alive() for rank in ranks) and not any(rank.exitcode not in (None, 0, 85) for rank in ranks):
        time.sleep(0.05)
    return kill(ranks)


def kill(ranks: list[BaseProcess]) -> list[int | None]:
    """Send SIGKILL to all ranks at once; return their exit codes."""
    for rank in ranks:
        rank.kill()
    for rank in ranks:
        rank.join()
    return [rank.exitcode for rank in ranks]


def train_ranks(config: Config, ranks: int) -> Config:
    """Train to the end by so many ranks."""
    codes = end_ranks(start_ranks(config, ranks))
    assert codes == [0] * ranks, (codes, log_of(config).read_text()[-3000:])
    return config


def stop_ranks(config: Config, ranks: int, steps: int) -> None:
    """Train by so many ranks, send SIGUSR1 to the last one after so many steps, expect a checkpoint."""
    started = start_ranks(config, ranks)
    wait_for_steps(config, steps, started)
    os.kill(started[-1].pid, signal.SIGUSR1)
    codes = end_ranks(started)
    assert codes == [85] * ranks, (codes, log_of(config).read_text()[-3000:])


def start_command(launcher: str, config: Config) -> subprocess.Popen:
    """Start two ranks by `torchrun`, or as many as the config says by the stage `train`."""
    torchrun = [
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        str(free_port()),
    ]
    command = [*torchrun, "-m", "srdist.train.rank"] if launcher == "torchrun" else ["-c", TRAIN]
    with open(log_of(config), "ab") as log:
        return subprocess.Popen([sys.executable, *command, str(written(config))], stdout=log, stderr=log)


def wait_for_steps(config: Config, steps: int, ranks: list[BaseProcess] | None = None) -> None:
    """Wait until so many steps are recorded."""
    while len(records(config)) < steps:
        assert all(rank.is_alive() for rank in ranks or []), log_of(config).read_text()[-3000:]
        time.sleep(0.01)


def written(config: Config) -> Path:
    """Write the config beside the run's folder."""
    path = config.run_dir.with_suffix(".yaml")
    save_config(config, path)
    return path


def log_of(config: Config) -> Path:
    """Return the file of what the ranks of a training printed."""
    return config.run_dir.with_suffix(".log")


def records(config: Config) -> list[dict[str, Any]]:
    """Return the records of a training without what differs from run to run."""
    path = config.run_dir / "train" / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return [{name: value for name, value in record.items() if not name.startswith(TIMINGS)} for record in whole]


def losses(config: Config) -> list[float]:
    """Return the loss of every step."""
    return [record["loss"] for record in records(config)]


def weights(config: Config) -> bytes:
    """Return the exported model's file."""
    return (config.run_dir / "model" / "model.safetensors").read_bytes()


def _run(config: Path, log: Path, environment: dict[str, str], largest_file: int | None) -> None:
    import torch

    from srdist.train.rank import main

    with open(log, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    os.environ.update(environment)
    torch.set_num_threads(1)
    sys.exit(main([str(config)]))
