"""Which code made a run: versions of packages, git commit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from srdist.storage.manifest import package_versions

PACKAGE = Path(__file__).parents[1]


def origin() -> dict[str, Any]:
    """Return `versions`, package -> version, and `commit`, where srdist runs from a git checkout."""
    return {"versions": package_versions(), "commit": git_commit(PACKAGE)}


def git_commit(folder: Path) -> str | None:
    """Return the commit of the checkout that `folder` is tracked in, with `-dirty` where files differ; else None."""
    tracked = _git(folder, "ls-files", "--", ".")
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") if tracked else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
