"""Ray on the nodes of a Slurm job: `srun --ntasks-per-node=1 python -m srdist.cluster.ray_nodes CONFIG COMMAND`.

The first task starts Ray's head, writes its address into the run's folder and runs `srdist COMMAND CONFIG`; the others
wait for the address, join, and leave when it is removed. Every job has its own token, ports and temporary folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from srdist.cluster.children import end_with_parent
from srdist.cluster.jobs import job_folder
from srdist.cluster.node_check import check_node, load_submitted
from srdist.cluster.ray import NODES
from srdist.cluster.rendezvous import free_ports, node_address
from srdist.config import Config
from srdist.errors import REQUEUE, UserError
from srdist.storage.files import write_text

RAY_START = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
NODE_FAILED = REQUEUE + 1
"""Exit code for a mistake on a node besides the first, which srun then stops as before a time limit: srun returns the
highest code, and the job must fail, not be requeued."""
POLL_SECONDS = 0.3
SIGNAL_SECONDS = 1.0
"""Slurm signals all processes of a step, one after the other: how long after a death the signal may come here."""
STOP_SECONDS = 10
"""How long Ray may take to end by itself: `ray start` tries in vain where its head was killed."""
WORKER_STARTS = 3
"""Times that a node joins, should its Ray end before the job does."""


class Stopped(Exception):
    """The job was told to stop: its time is nearly up, or it is preempted."""


class RayNode:
    """Ray's processes on this node, of this job alone.

    Args:
        meeting: folder below the run's, with the head's address and the token.
        arguments: of `ray start`.
        memory_mb: size of the object store, in MB.
    """

    def __init__(self, meeting: Path, arguments: list[str], memory_mb: int):
        self.node = os.environ["SLURMD_NODENAME"]
        self.log = meeting.with_suffix(f".{self.node}.log")
        self.scratch = Path("/tmp") / f"srdist-ray-{os.environ['SLURM_JOB_ID']}-{os.environ['SLURM_PROCID']}"
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(meeting / "token")}
        cpus = int(os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE", "1"))
        options = {
            "num-cpus": cpus,
            "object-store-memory": memory_mb << 20,
            "temp-dir": self.scratch,
            "dashboard-agent-listen-port": 0,
            "include-log-monitor": "false",
            "node-ip-address": node_address(),
        }
        command = [*RAY_START, *arguments, *(f"--{name}={value}" for name, value in options.items())]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent
            )

    def check(self) -> None:
        """Raise UserError if Ray has ended."""
        code = self.process.poll()
        if code is not None:
            time.sleep(SIGNAL_SECONDS)
            lines = self.log.read_text(errors="replace").strip().splitlines() or [""]
            said = next((line for line in reversed(lines) if "Error" in line), lines[-1])
            raise UserError(f"Ray on node {self.node} ended with code {code}: {said}", cure=f"see {self.log}")

    def stop(self) -> None:
        """End Ray's processes and remove their temporary files."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


def lead(config: Config, command: str, config_file: Path, meeting: Path) -> int:
    """Start the head, run the command on the cluster, stop the head; return the command's exit code.

    Raises:
        UserError: the head does not start, or ends before the command does.
    """
    shutil.rmtree(meeting, ignore_errors=True)
    meeting.mkdir(mode=0o700, parents=True)
    write_text(meeting / "token", secrets.token_hex(32))
    (meeting / "token").chmod(0o600)
    port = free_ports(int(os.environ["SLURM_JOB_ID"]), 2)
    options = ["--head", f"--port={port}", f"--ray-client-server-port={port + 1}", "--include-dashboard=false"]
    ray = RayNode(meeting, options, config.cluster.object_store_mb)
    driver = None
    try:
        address = f"{node_address()}:{port}"
        _wait(lambda: _answers(address), ray, config.cluster.slurm.join_seconds, "Ray's head does not answer")
        write_text(meeting / "address", address)
        environment = {**os.environ, "RAY_ADDRESS": address, NODES: os.environ["SLURM_NTASKS"]}
        driver = subprocess.Popen(
            [sys.executable, "-m", "srdist.cli", command, str(config_file)],
            env=environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        )
        while driver.poll() is None:
            ray.check()
            _check_head(address, ray)
            time.sleep(POLL_SECONDS)
        if driver.returncode < 0:
            time.sleep(SIGNAL_SECONDS)
        return driver.returncode if driver.returncode >= 0 else 128 - driver.returncode
    finally:
        _on_signal(signal.SIG_IGN)
        if driver is not None:
            driver.kill()
            driver.wait()
        (meeting / "address").unlink(missing_ok=True)
        ray.stop()
        shutil.rmtree(meeting, ignore_errors=True)


def join(config: Config, meeting: Path) -> int:
    """Wait for the head, join it, stay until its address is removed; return 0.

    Without a head in time it returns too: the command may have ended before. One that needs all nodes waits for them.

    Raises:
        UserError: Ray ends here again and again.
    """
    seconds = config.cluster.slurm.join_seconds
    deadline = time.monotonic() + seconds
    while not (meeting / "address").exists():
        if time.monotonic() > deadline:
            node = os.environ["SLURMD_NODENAME"]
            text = f"node {node} found no Ray head within {seconds} s: see the log of the first node"
            print(text, file=sys.stderr, flush=True)
            return 0
        time.sleep(POLL_SECONDS)
    address = (meeting / "address").read_text()
    for start in range(WORKER_STARTS):
        if not (meeting / "address").exists():
            break
        ray = RayNode(meeting, [f"--address={address}"], config.cluster.object_store_mb)
        try:
            while (meeting / "address").exists():
                ray.check()
                time.sleep(POLL_SECONDS)
        except UserError as error:
            if start + 1 == WORKER_STARTS and (meeting / "address").exists():
                raise
            print(error, file=sys.stderr, flush=True)
        finally:
            ray.stop()
    return 0


def _wait(condition: Callable[[], bool], ray: RayNode, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        ray.check()
        if time.monotonic() > deadline:
            raise UserError(f"{what} after {seconds} s", cure=f"see {ray.log}")
        time.sleep(POLL_SECONDS)


def _check_head(address: str, ray: RayNode) -> None:
    """Raise UserError if the head has ended; Ray itself takes a minute to notice."""
    try:
        _connect(address)
    except ConnectionRefusedError:
        time.sleep(SIGNAL_SECONDS)
        ray.check()
        raise UserError(f"Ray's head on node {ray.node} has ended", cure=f"see {ray.log}") from None
    except OSError:
        return  # it is busy


def _answers(address: str) -> bool:
    try:
        _connect(address)
    except OSError:
        return False
    return True


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=1).close()


def _on_signal(handler: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, handler)


def _stop(*_: object) -> None:
    raise Stopped


def main(arguments: list[str]) -> int:
    """Be this node's part of the job; return the exit code: the command's, 2 or 86 for a mistake, 85 to be requeued."""
    config_file, command = Path(arguments[0]), arguments[1]
    try:
        config = load_submitted(config_file)
        check_node(config)
        job, restarts = os.environ["SLURM_JOB_ID"], os.environ.get("SLURM_RESTART_COUNT", "0")
        meeting = job_folder(config.run_dir) / f"ray-{job}-{restarts}"
        if os.environ["SLURM_PROCID"] == "0":
            _on_signal(_stop)
            return lead(config, command, config_file, meeting)
        _on_signal(signal.SIG_IGN)  # the head decides when the job is over
        return join(config, meeting)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2 if os.environ["SLURM_PROCID"] == "0" else NODE_FAILED
    except Stopped:
        print("stopped before the end; finished partitions are kept", file=sys.stderr, flush=True)
        return REQUEUE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
