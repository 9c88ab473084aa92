"""`srdist bench`: measurements on the user's own machine, one sub-command each."""

from __future__ import annotations

import typer

bench = typer.Typer(
    help="Measure on this machine, side by side with plain references: ratios, and figures with their unit.",
    no_args_is_help=True,
)
