"""The console command `srdist`: one sub-command a stage, `run` for all, `search` for people."""

from srdist.cli.app import main

__all__ = ["main"]
