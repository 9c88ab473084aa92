"""Stand-ins for Slurm's commands: programs on PATH that remember how they were called and answer from files."""

from __future__ import annotations

import json
from pathlib import Path

STUB = """#!/usr/bin/env bash
here=$(dirname "$0")/..
printf '%s\\n' "$(basename "$0") $*" >> "$here/calls"
case "$(basename "$0")" in
    sbatch)
        env > "$here/environment"
        if [[ " $* " == *" --partition=nowhere "* ]]; then
            echo "sbatch: error: invalid partition specified: nowhere" >&2
            echo "sbatch: error: Batch job submission failed: Invalid partition name specified" >&2
            exit 1
        fi
        number=$(( $(cat "$here/last") + 1 )); echo $number > "$here/last"
        echo "PENDING Reason=Dependency" > "$here/job-$number"; echo $number ;;
    scontrol)
        if [ "$2 $3" = "show job" ]; then
            [ -f "$here/job-$4" ] || { echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; }
            echo "JobId=$4 JobName=x JobState=$(cat "$here/job-$4")"
        elif [ "$1 $2" = "show node" ]; then
            echo "NodeName=$3 NodeAddr=192.0.2.77 NodeHostName=$3"
        fi ;;
    scancel)
        for number in "$@"; do echo "CANCELLED Reason=None" > "$here/job-$number"; done ;;
    sacct) exit 1 ;;
esac
"""


class SlurmStub:
    """Slurm's commands in a folder for PATH.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path):
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir(parents=True)
        (folder / "last").write_text("100")
        for name in ("sbatch", "scontrol", "scancel", "sacct"):
            (self.bin / name).write_text(STUB)
            (self.bin / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Every call so far, as it was typed."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def called(self, command: str) -> list[str]:
        """Return the calls of one command."""
        return [call for call in self.calls if call.split()[0] == command]

    def set(self, job: int, state: str, **facts: object) -> None:
        """Let a job be in a state."""
        text = " ".join([state, *(f"{name}={value}" for name, value in facts.items())])
        (self.folder / f"job-{job}").write_text(text)

    def forget(self, job: int) -> None:
        """Let Slurm know a job no longer."""
        (self.folder / f"job-{job}").unlink()

    @property
    def environment(self) -> dict[str, str]:
        """srdist's variables that the last job was given."""
        return self.variables("SRDIST_")

    def variables(self, prefix: str) -> dict[str, str]:
        """Return variables that the last job was given."""
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith(prefix))


def write_finished(run_dir: Path, stage: str, settings: dict, inputs: dict | None = None) -> None:
    """Write the manifest of a stage that made nothing."""
    folder = run_dir / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"stage": stage, "settings": settings, "inputs": inputs or {}}
    (folder / f"{stage}.json").write_text(json.dumps(facts))
