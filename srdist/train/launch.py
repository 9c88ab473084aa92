"""Starts the ranks of one machine, follows their metrics, passes signals on, ends them all when one fails."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from srdist.cluster.children import signals_passed_on
from srdist.cluster.rendezvous import free_port
from srdist.cluster.status import unmarked
from srdist.config.load import save_config
from srdist.config.schema import Config
from srdist.errors import REQUEUE, UserError
from srdist.train.journal import STAGE, facts_path, metrics_path
from srdist.train.progress import TrainingProgress
from srdist.train.stop import STOP_SIGNALS

PARENT = "SRDIST_PARENT"
"""Environment variable by which a rank knows the process that started it."""
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""glibc keeps freed buffers up to 32 MB: on a CPU, mapping them anew costs about a tenth of every step. Keeping
larger ones too would save as much again, but the memory grows without end."""
POLL_SECONDS = 0.3
LEAST_ROOM = 1 << 20
"""Bytes; a training that fails with less room on the disk is taken to have failed for that."""


def launch(config: Config) -> dict[str, Any]:
    """Train with `train.processes` ranks on this machine; return the facts of the finished training.

    What the ranks print is kept in `train/log.txt`.

    Raises:
        UserError: a rank failed; carries its last error and names the log.
        OSError: it failed and the disk is full.
        SystemExit: 85, after a stop signal: with a checkpoint, or before the ranks had begun.
    """
    folder = config.run_dir / STAGE
    folder.mkdir(parents=True, exist_ok=True)
    config_file, log = folder / "config.yaml", folder / "log.txt"
    save_config(config, config_file)
    with open(log, "ab") as output:
        begin = output.tell()
        ranks = _start(config_file, number_of_ranks(config), output)
        try:
            with (
                signals_passed_on(ranks, STOP_SIGNALS) as passed,
                TrainingProgress(metrics_path(config.run_dir)) as progress,
            ):
                code = _wait(ranks, progress)
        finally:
            for rank in ranks:
                rank.kill()
                rank.wait()
    if code == REQUEUE or (passed and code == -signal.SIGTERM):  # the latter before a rank could listen
        raise SystemExit(REQUEUE)
    if code and shutil.disk_usage(folder).free < LEAST_ROOM:  # nor was there room for what the rank had to say
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if code:
        raise UserError(f"training failed: {_last_error(log, begin, code)}", cure=f"see {log}")
    return json.loads(facts_path(config.run_dir).read_text(encoding="utf-8"))


def number_of_ranks(config: Config) -> int:
    """Return `train.processes`; `auto` is the number of GPUs, or 1 without any."""
    if config.train.processes != "auto":
        return config.train.processes
    import torch

    return max(1, torch.cuda.device_count())


def _start(config_file: Path, ranks: int, output: BinaryIO) -> list[subprocess.Popen]:
    cpus = len(os.sched_getaffinity(0))
    shared = {
        "OMP_NUM_THREADS": str(max(1, cpus // ranks)),
        **KEEP_MEMORY,
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(ranks),
        PARENT: str(os.getpid()),
    }
    command = [sys.executable, "-m", "srdist.train.rank", str(config_file)]
    return [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        for rank in range(ranks)
    ]


def _wait(ranks: list[subprocess.Popen], progress: TrainingProgress) -> int:
    """Return 0 when all ranks ended well, else the code of the first that did not."""
    while True:
        codes = [rank.poll() for rank in ranks]
        progress.update()
        failed = [code for code in codes if code]
        if failed or None not in codes:
            break
        time.sleep(POLL_SECONDS)
    if failed and all(code == REQUEUE for code in failed):
        for rank in ranks:
            rank.wait()
    return failed[0] if failed else 0


def _last_error(log: Path, begin: int, code: int) -> str:
    """Return the user's mistake that a rank reports, else the first exception, else the last line."""
    with open(log, "rb") as file:
        file.seek(begin)
        printed = [unmarked(line).strip() for line in file.read().decode(errors="replace").splitlines()]
    lines = [line for line in printed if line]
    for pattern in (r"UserError: (.*)", r"([\w.]*(?:Error|Exception)\b.*)"):
        for line in lines:
            if found := re.match(pattern, line):
                return found[1]
    if code < 0:
        return f"a rank was killed by {signal.Signals(-code).name}" + (", perhaps for memory" if code == -9 else "")
    return lines[-1] if lines else f"a rank ended with code {code}"
