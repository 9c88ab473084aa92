"""The axis that a record stands at: the training's steps, or a validation's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VALIDATION = "validation/"
"""Prefix of a validation's figures: they have their own `validation/step`."""
AXES = ("step", f"{VALIDATION}step")
"""Keys that hold the step of a record."""


def axis(record: Mapping[str, Any]) -> str:
    """Return the key that holds a record's step."""
    return f"{VALIDATION}step" if f"{VALIDATION}step" in record else "step"
