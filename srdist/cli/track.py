"""`srdist track`: send what jobs without network wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from srdist.errors import UserError
from srdist.progress import console

track = typer.Typer(help="Runs in Weights & Biases.", no_args_is_help=True)


@track.callback()
def _group() -> None:
    """Keep `sync` a sub-command while it is the only one."""


@track.command()
def sync(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="a run's folder, a study's, or one that holds several")
    ] = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what would be sent")] = False,
) -> None:
    """Send offline runs to Weights & Biases, from a machine with network and a login; what was sent is left out."""
    parts = sorted({path.parent for path in folder.rglob("wandb/offline-run-*/*.wandb")})
    if not parts:
        what = "no offline runs of Weights & Biases here"
        raise UserError(
            what, file=folder.resolve(), cure="name a run's folder; runs are kept with tracking.backend: wandb"
        )
    command = [sys.executable, "-m", "wandb", "sync", *(["--dry-run"] if dry_run else ["--yes"]), *map(str, parts)]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise UserError(f"wandb sync ended with code {code}", cure="log in with `wandb login`, and try again")
    console.print(f"{len(parts)} parts of runs {'found' if dry_run else 'looked at'}")
