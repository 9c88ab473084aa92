"""`srdist plan`: what an experiment will need, before it is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srdist.config import load_config
from srdist.progress import console


def plan(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="the experiment's YAML file; see configs/")],
    set: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="override a value")] = [],
    nodes: Annotated[int, typer.Option(min=1, help="machines that train together")] = 1,
    gpus_per_node: Annotated[
        int | None, typer.Option(min=1, help="ranks of a machine; none: as this one, where --gpu is not given")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="kind of GPU, such as h100-80g; none: what is here")] = None,
    mfu: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="share of the peak that is assumed to be reached")
    ] = 0.4,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the plan there")] = None,
) -> None:
    """Show memory per GPU, tokens, steps, hours and disk of a training, and what to change if it does not fit."""
    settings = load_config(config, set)
    from srdist.sizing.estimate import estimate
    from srdist.sizing.machine import choose_machine
    from srdist.sizing.table import print_plan
    from srdist.storage.files import write_json

    found = estimate(settings, choose_machine(settings, nodes, gpus_per_node, gpu), mfu)
    print_plan(found, console)
    if json:
        write_json(json, found)
