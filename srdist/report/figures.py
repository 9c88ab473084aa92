"""How figures are written on the page."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Write seconds as `4.2 s`, `12.3 min` or `3.4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def figure(value: float | None, digits: int = 1) -> str:
    """Write a number with thousands separators; whole numbers without decimals, None as a dash."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """Write a number with a proper minus sign, None as a dash."""
    return figure(value if value is None else float(value), digits).replace("-", "−")
