"""A real Slurm on this machine: munged, slurmctld and two slurmd in a folder of their own, stopped by pid."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TEMPLATE = Path(__file__).with_name("slurm.conf")
NODES = ("n0", "n1")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
PACKAGES = ("slurm-wlm", "munge")


def why_not() -> str:
    """Return why no Slurm can be started here, or an empty text; Debian's packages are installed where they may be."""
    if os.geteuid() != 0:
        return "a Slurm of its own is started by root only"
    if missing():
        if not shutil.which("apt-get"):
            return "no Slurm here, and no apt-get to install it"
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *PACKAGES]):
            done = subprocess.run(
                ["apt-get", *command], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True
            )
        if done.returncode or missing():
            return f"apt-get could not install {' '.join(PACKAGES)}"
    return ""


def missing() -> list[str]:
    """Return the programs that are not there."""
    return [program for program in PROGRAMS if not shutil.which(program)]


class LocalSlurm:
    """A cluster of two virtual nodes.

    Args:
        folder: where its files lie.
    """

    def __init__(self, folder: Path):
        self.folder, self.munge = folder, folder / "munge"
        for path in (self.munge, folder / "state", *(folder / f"spool.{node}" for node in NODES)):
            path.mkdir(parents=True)
        self.munge.chmod(0o755)
        text = TEMPLATE.read_text().replace("@DIR@", str(folder)).replace("@HOST@", socket.gethostname().split(".")[0])
        for number, port in enumerate(three_ports()):
            text = text.replace(f"@PORT{number}@", str(port))
        (folder / "slurm.conf").write_text(text)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")

    def start(self) -> None:
        """Start the daemons and wait for both nodes."""
        key = self.munge / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        places = ("key-file=munge.key", "socket=munge.socket", "pid-file=munged.pid", "log-file=munged.log")
        options = [f"--{name}={self.munge}/{file}" for name, _, file in (place.partition("=") for place in places)]
        run("munged", "--force", "--num-threads=2", f"--seed-file={self.munge}/munged.seed", *options)
        run("slurmctld", "-c")
        for node in NODES:
            run("slurmd", "-N", node)
        wait_until(lambda: run("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == "2", "both nodes are idle", 60)

    def stop(self) -> None:
        """Cancel all jobs and end the daemons, and what a job left of them."""
        if subprocess.run(["scancel", "--user=root"], capture_output=True).returncode == 0:
            wait_until(lambda: not run("squeue", "-h"), "all jobs ended", 60)
        names = (*(f"slurmd.{node}.pid" for node in NODES), "slurmctld.pid", "munge/munged.pid")
        pids = [int(path.read_text()) for path in (self.folder / name for name in names) if path.exists()]
        for pid in [*pids, *self._step_daemons()]:
            os.kill(pid, signal.SIGTERM if pid in pids else signal.SIGKILL)
        wait_until(lambda: not any(runs(pid) for pid in pids), "the daemons ended", 30)

    def _step_daemons(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if (path / "comm").read_text() == "slurmstepd\n" and str(self.folder).encode() in (
                    path / "environ"
                ).read_bytes():
                    found.append(int(path.name))
            except OSError:
                continue
        return found


def three_ports() -> tuple[int, int, int]:
    """Return three free ports in a row."""
    for first in range(17000 + os.getpid() % 2000, 20000, 3):
        try:
            for port in range(first, first + 3):
                with socket.socket() as probe:
                    probe.bind(("", port))
        except OSError:
            continue
        return first, first + 1, first + 2
    raise RuntimeError("no free ports")


def run(*command: object, **options) -> str:
    """Run a command; return what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def srdist(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "srdist.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def wait_until(condition, what: str, seconds: float) -> None:
    """Wait for a condition; fail where it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.1)


def runs(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_naming(*texts: str) -> list[str]:
    """Return the command lines of running processes that contain one of the texts."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(text in line for text in texts) and int(path.parent.name) != os.getpid():
            found.append(line)
    return found
