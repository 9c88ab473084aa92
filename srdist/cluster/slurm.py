"""Slurm's commands, and what it knows about a job."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from srdist.errors import UserError

ENDED = frozenset(
    "COMPLETED CANCELLED FAILED TIMEOUT NODE_FAIL PREEMPTED BOOT_FAIL DEADLINE OUT_OF_MEMORY REVOKED".split()
)
KEPT = ("SLURM_CONF", "SLURM_CLUSTERS")
"""of Slurm's variables those that are not of the job which a command is given in"""


@dataclass(frozen=True)
class JobState:
    """A job as Slurm sees it.

    Attributes:
        state: Slurm's word: PENDING, RUNNING, COMPLETED, FAILED, ...; UNKNOWN when Slurm has forgotten the job.
        reason: why it waits, or what ended it.
        restarts: times that it was requeued.
        nodes: where it runs or ran.
    """

    state: str
    reason: str = ""
    restarts: int = 0
    nodes: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state != "UNKNOWN" and self.state not in ENDED


def call(command: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run one of Slurm's commands, with further environment variables; return what it printed.

    Raises:
        UserError: it is not on PATH, or refuses: carries its own words.
    """
    try:
        own = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith("SLURM_")}
        variables = {**own, **(environment or {})}
        done = subprocess.run([command, *arguments], capture_output=True, text=True, env=variables)
    except FileNotFoundError:
        what, cure = f"no `{command}` on PATH: this machine has no Slurm", "run it on a login node of the cluster"
        raise UserError(what, cure=cure) from None
    if done.returncode:
        words = [re.sub(rf"^{command}: (error: )?", "", line) for line in done.stderr.splitlines() if line.strip()]
        raise UserError(f"{command}: {'; '.join(words) or f'exit code {done.returncode}'}")
    return done.stdout


def job_state(job_id: int) -> JobState:
    """Ask Slurm about a job: the controller, and for one that it has forgotten the accounting, where there is any."""
    try:
        text = call("scontrol", "--oneliner", "show", "job", str(job_id))
    except UserError as error:
        if "Invalid job id" not in str(error):
            raise
        return _accounted(job_id)
    facts = dict(re.findall(r"(\S+?)=(\S*)", text))
    exit_code = facts.get("ExitCode", "0:0")
    reason = facts["Reason"] if facts.get("Reason", "None") != "None" else ""
    if facts["JobState"] == "FAILED" and exit_code != "0:0":
        reason = f"exit code {exit_code.partition(':')[0]}"
    nodes = "" if facts.get("NodeList") == "(null)" else facts.get("NodeList", "")
    return JobState(facts["JobState"], reason, int(facts.get("Restarts", 0)), nodes)


def _accounted(job_id: int) -> JobState:
    try:
        text = call("sacct", "-n", "-X", "-P", "-j", str(job_id), "-o", "State,NodeList")
    except UserError:
        return JobState("UNKNOWN")
    state, _, nodes = text.strip().partition("|")
    return JobState(state.split()[0] if state else "UNKNOWN", nodes=nodes)
