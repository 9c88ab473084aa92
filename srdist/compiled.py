"""Loops that numba compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def compiled(function: Function) -> Function:
    """Compile a function of numbers and numpy arrays when it is first called; it gives the GIL back while it runs.

    What was compiled is kept beside the source, or in the user's cache where that folder is read-only. The cache
    notices changes of the function's own file only, so compiled functions that call each other share a file.
    """
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(nogil=True)(function)
