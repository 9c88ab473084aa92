"""A line chart as inline SVG: axes, grid, phases, a hover title on every point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 640, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 26, 44
MOST_POINTS = 240
"""points of a drawn line; longer series are averaged"""
LOGARITHMIC_FROM = 30
"""ratio of the largest to the smallest value from which the y axis is logarithmic"""


def line_chart(series: Mapping[str, Points], *, x_label: str, marks: Mapping[str, float]) -> Markup:
    """Draw series of positive values over a common x axis.

    A series longer than 60 points is drawn as a faint line with its moving average over it. Line k has the CSS
    class `line-k`, which the page colours.

    Args:
        series: name -> (x, y) points by rising x; every series has at least one.
        marks: label -> x of a vertical line.
    """
    drawn = {name: thin(points) for name, points in series.items()}
    smooth = {name: moving_average(points) if len(points) > 60 else points for name, points in drawn.items()}
    x_scale = _Linear([x for points in drawn.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    values = [max(y, 1e-6) for points in smooth.values() for _, y in points]
    logarithmic = max(values) > LOGARITHMIC_FROM * min(values)
    y_scale = _Logarithmic(values, HEIGHT - BOTTOM, TOP) if logarithmic else _Linear([0, *values], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(", ".join(series))} by {escape(x_label)}">'
    ]
    parts += _axes(x_scale, y_scale, x_label)
    parts += _marks(marks, x_scale)
    for number, name in enumerate(drawn):
        if smooth[name] is not drawn[name]:
            parts.append(_line(drawn[name], x_scale, y_scale, f"line-{number} raw"))
        parts.append(_line(smooth[name], x_scale, y_scale, f"line-{number}"))
    for number, (name, points) in enumerate(smooth.items()):
        parts += _hover_points(name, points, x_scale, y_scale, x_label, number)
    return Markup("".join([*parts, "</svg>"]))


def thin(points: Points) -> Points:
    """Average neighbours until at most `MOST_POINTS` points are left."""
    size = -(-len(points) // MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)] if size > 1 else []
    return [tuple(sum(values) / len(group) for values in zip(*group, strict=True)) for group in groups] or points


def moving_average(points: Points, reach: int = 6) -> Points:
    """Average each point with up to `reach` neighbours on either side, near the start fewer, so that it stays steep."""
    smoothed = []
    for index, (x, _) in enumerate(points):
        near = min(reach, index)
        window = points[index - near : index + near + 1]
        smoothed.append((x, sum(y for _, y in window) / len(window)))
    return smoothed


class _Linear:
    """Maps values to pixels and chooses round ticks."""

    def __init__(self, values: Sequence[float], start: float, end: float):
        self.low, self.high = min(values), max(values)
        self.high += not self.high > self.low
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        step = 10 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (factor * step) <= 6)
        return [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


class _Logarithmic(_Linear):
    def __init__(self, values: Sequence[float], start: float, end: float):
        super().__init__([math.log10(0.75 * min(values)), math.log10(1.2 * max(values))], start, end)

    def __call__(self, value: float) -> float:
        share = (math.log10(max(value, 1e-6)) - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        factors = (1,) if self.high - self.low > 2.5 else (1, 2, 5)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        candidates = [factor * 10.0**decade for decade in decades for factor in factors]
        return [tick for tick in candidates if self.low <= math.log10(tick) <= self.high]


def _axes(x_scale: _Linear, y_scale: _Linear, x_label: str) -> list[str]:
    parts = []
    for tick in y_scale.ticks:
        y = y_scale(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in x_scale.ticks:
        x = x_scale(tick)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tick:,g}</text>')
    floor = HEIGHT - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>')
    parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_label)}</text>')
    return parts


def _marks(marks: Mapping[str, float], x_scale: _Linear) -> list[str]:
    parts = []
    for label, value in marks.items():
        x = x_scale(value)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="mark" x="{x + 5:.1f}" y="{TOP - 10}">{escape(label)}</text>')
    return parts


def _line(points: Points, x_scale: _Linear, y_scale: _Linear, classes: str) -> str:
    path = " ".join(f"{x_scale(x):.1f},{min(HEIGHT - BOTTOM, max(TOP, y_scale(y))):.1f}" for x, y in points)
    return f'<polyline class="{classes}" points="{path}"/>'


def _hover_points(
    name: str, points: Points, x_scale: _Linear, y_scale: _Linear, x_label: str, number: int
) -> list[str]:
    every = -(-len(points) // 80)
    return [
        f'<circle class="line-{number} point" cx="{x_scale(x):.1f}" cy="{y_scale(y):.1f}" r="5">'
        f"<title>{escape(name)}: {y:.4g} at {escape(x_label)} {x:,.0f}</title></circle>"
        for x, y in [*points[:-1:every], points[-1]]
    ]
