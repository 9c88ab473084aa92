"""The one exception for mistakes that a user can mend, and the exit code of a command that can go on."""

from __future__ import annotations

from pathlib import Path

REQUEUE = 85
"""Exit code of a command that was told to stop and has saved its work: the same command goes on from there."""


class UserError(Exception):
    """A mistake in the user's input or set-up; the command line shows it as one line.

    Args:
        what: what is wrong, in plain words.
        file: the file it was found in.
        line: its line there, counted from 1.
        cure: what the user can do about it.
    """

    def __init__(self, what: str, *, file: Path | str | None = None, line: int | None = None, cure: str = ""):
        self.what, self.file, self.line, self.cure = what, file, line, cure
        place = "" if file is None else f"{file}: " if line is None else f"{file}, line {line}: "
        super().__init__(place + what + (f" -- {cure}" if cure else ""))

    def __reduce__(self):
        """Keep the parts when the error travels from a Ray worker to the driver."""
        return _rebuild, (self.what, self.file, self.line, self.cure)


def _rebuild(what: str, file: Path | str | None, line: int | None, cure: str) -> UserError:
    return UserError(what, file=file, line=line, cure=cure)
