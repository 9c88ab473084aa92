import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.report.chart import HEIGHT, LEFT, MOST_POINTS, WIDTH, line_chart, moving_average, thin


class Elements(HTMLParser):
    """Collects every start tag with its attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def named(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def points_of(polyline):
    return [tuple(map(float, pair.split(","))) for pair in polyline["points"].split()]


def test_falling_loss_falls_on_the_page():
    chart = Elements(line_chart({"indexing": [(1, 4.0), (2, 2.0), (3, 1.0)]}, x_label="step", marks={}))
    (line,) = chart.named("polyline")
    xs, ys = zip(*points_of(line), strict=True)
    assert list(xs) == sorted(xs) and list(ys) == sorted(ys), "y grows downwards"
    assert xs[0] == LEFT
    assert "indexing: 4 at step 1" in chart.texts


def test_wide_range_gets_a_logarithmic_axis():
    chart = Elements(line_chart({"a": [(1, 10.0), (2, 1.0), (3, 0.1)]}, x_label="step", marks={}))
    (first, second, third) = [y for _, y in points_of(chart.named("polyline")[0])]
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert {"10", "1", "0.1"} <= set(chart.texts)


def test_linear_axis_starts_at_zero():
    chart = Elements(line_chart({"a": [(1, 2.0), (2, 1.0)]}, x_label="step", marks={}))
    assert "0" in chart.texts


def test_long_series_is_drawn_faint_with_its_average_over_it():
    noisy = [(step, 2 + math.sin(step * 12.9898)) for step in range(1000)]
    raw, smooth = Elements(line_chart({"a": noisy}, x_label="step", marks={})).named("polyline")
    assert "raw" in raw["class"] and "raw" not in smooth["class"]
    assert len(points_of(raw)) <= MOST_POINTS


def test_phases_are_marked_and_names_are_escaped():
    chart = line_chart({"<b>": [(1, 1.0), (9, 2.0)]}, x_label="step", marks={"<i>mixture": 5})
    assert "<b>" not in chart and "<i>" not in chart
    assert "<i>mixture" in Elements(chart).texts


def test_thinning_averages_neighbours_and_keeps_short_series():
    assert thin([(1, 1.0), (2, 3.0)]) == [(1, 1.0), (2, 3.0)]
    assert thin([(step, 5.0) for step in range(2 * MOST_POINTS)])[0] == (0.5, 5.0)


def test_average_of_a_constant_is_the_constant():
    assert moving_average([(step, 3.0) for step in range(50)]) == [(step, 3.0) for step in range(50)]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300))
def test_any_values_stay_inside_the_picture(values):
    chart = Elements(line_chart({"a": list(enumerate(values))}, x_label="step", marks={"start": 0}))
    for line in chart.named("polyline"):
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points_of(line))
