"""A plan as tables for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_plan(plan: dict[str, Any], console: Console) -> None:
    """Print what `estimate` returned, and first of all what does not fit."""
    machine, setup, model = plan["machine"], plan["setup"], plan["model"]
    ranks = f"{machine['nodes']} x {machine['ranks_per_node']} x {machine['name']}"
    console.print(f"[bold]{plan['name']}[/bold]: {escape(model['base'])}, {model['parameters'] / 1e9:.3f} B parameters")
    trained = "" if model["trained"] == model["parameters"] else f", {model['trained'] / 1e6:.1f} M of them trained"
    kept = "recomputed" if setup["checkpointing"] else "kept"
    console.print(
        f"{ranks}, {machine['dtype']}, ZeRO stage {setup['stage']}{trained}, "
        f"rows of {setup['row_tokens']} tokens, activations {kept}"
    )
    console.print(_memory(plan))
    _print_verdict(plan, console)
    console.print(f"tokens and steps: {plan['work']['source']}", highlight=False, soft_wrap=True)
    if plan["work"]["phases"]:
        console.print(_work(plan["work"]))
    _print_hours(plan, console)
    console.print(_disk(plan["disk_bytes"]))


def _memory(plan: dict[str, Any]) -> Table:
    table = Table("memory of a rank", "GiB")
    table.columns[1].justify = "right"
    for kind, size in plan["memory_gib"].items():
        table.add_row(kind, f"{size:.2f}", end_section=kind == "activations")
    table.add_row("room", f"{plan['room_gib']:.2f}")
    table.add_row("main memory of a node", f"{plan['host_memory_gib']:.2f}")
    return table


def _print_verdict(plan: dict[str, Any], console: Console) -> None:
    total, room = plan["memory_gib"]["total"], plan["room_gib"]
    if plan["fits"]:
        console.print(f"[green]fits[/green]: {total:.1f} of {room:.1f} GiB")
        return
    console.print(f"[red]does not fit[/red]: {total:.1f} GiB, and there are {room:.1f}. What would fit, each alone:")
    for cure in plan["cures"]:
        console.print(f"  {escape(cure)}", highlight=False)


def _work(work: dict[str, Any]) -> Table:
    table = Table("phase", "tokens", "trained", "rows", "steps")
    for column in table.columns[1:]:
        column.justify = "right"
    for phase in work["phases"]:
        figures = (phase[name] for name in ("tokens", "trained_tokens", "rows", "steps"))
        table.add_row(phase["name"], *(f"{figure:,}" for figure in figures))
    return table


def _print_hours(plan: dict[str, Any], console: Console) -> None:
    work, machine = plan["work"], plan["machine"]
    ranks, busy = machine["nodes"] * machine["ranks_per_node"], work["busy_ranks"]
    if busy < ranks:
        cure = f"make train.rows_per_step a multiple of {ranks}"
        console.print(f"[yellow]of {ranks} ranks {busy:.3g} have a row to train on[/yellow], on the average: {cure}")
    if work["hours"] is None:
        why = "tokens" if not work["phases"] else "peak of this device: set train.peak_tflops or --gpu"
        console.print(f"hours: unknown, for want of the {why}")
        return
    time = f"{work['hours']:.1f} hours" if work["hours"] >= 1 else f"{60 * work['hours']:.1f} minutes"
    peak = f"{machine['flops'] / 1e12:,.3g} TFLOP/s ({machine['flops_source']})"
    console.print(f"about {time}, if {work['utilization']:.0%} of {peak} are reached: an assumption, not a measurement")


def _disk(disk: dict[str, float | None]) -> Table:
    table = Table("disk", "GB")
    table.columns[1].justify = "right"
    for part, size in disk.items():
        table.add_row(part, "unknown" if size is None else f"{size / 1e9:,.3f}")
    return table
