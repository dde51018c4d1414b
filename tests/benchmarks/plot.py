"""Draws line charts as SVG.

Each panel has a line for each series, with the spread of each point. The axis to the right is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 400, 250  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 34, 40  # around its axes
COLUMNS = 2
LEGEND = 34
MARK = 3.5


class Point(NamedTuple):
    """A value, and the least and the most that it was."""

    x: float
    least: float
    middle: float
    most: float


class Line(NamedTuple):
    name: str
    color: str
    points: Sequence[Point]


class Panel(NamedTuple):
    """The lines in one pair of axes. The upward axis begins with 0, or is logarithmic, as in the panel beside it."""

    title: str
    lines: Sequence[Line]
    logarithmic: bool


def draw(panels: Sequence[Panel], xs: Sequence[float], x_name: str) -> str:
    """The SVG document. `xs` are the marked places of the axis to the right. Every panel has the same lines."""
    rows = math.ceil(len(panels) / COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for n, line in enumerate(panels[0].lines):
        x = LEFT + n * 180
        parts += [_path([(x, 18), (x + 28, 18)], line.color), _mark(n, x + 14, 18, line.color)]
        parts.append(_text(x + 36, 22, line.name))
    for n, panel in enumerate(panels):
        beside = panels[n // COLUMNS * COLUMNS :][:COLUMNS]
        parts.append(f'<g transform="translate({n % COLUMNS * WIDTH} {n // COLUMNS * HEIGHT + LEGEND})">')
        parts += [*_panel(panel, _ticks(beside), xs, x_name), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _ticks(panels: Sequence[Panel]) -> list[float]:
    """The ticks of the upward axis, which panels beside each other share."""
    values = [value for panel in panels for line in panel.lines for each in line.points for value in each[1:]]
    return _decades(min(values), max(values)) if panels[0].logarithmic else _steps(max(values))


def _panel(panel: Panel, ticks: Sequence[float], xs: Sequence[float], x_name: str) -> Iterable[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return LEFT + (right - LEFT) * math.log(x / xs[0]) / math.log(xs[-1] / xs[0])

    def up(y: float) -> float:
        low, high = ticks[0], ticks[-1]
        share = math.log(y / low) / math.log(high / low) if panel.logarithmic else y / high
        return bottom - (bottom - TOP) * share

    yield _text(LEFT, TOP - 12, panel.title, weight="600")
    for tick in ticks:
        yield _path([(LEFT, up(tick)), (right, up(tick))], "#ddd", 1)
        yield _text(LEFT - 6, up(tick) + 4, f"{tick:,g}", "end")
    for x in xs:
        yield _path([(across(x), bottom), (across(x), bottom + 4)], "#222", 1)
        yield _text(across(x), bottom + 17, f"{x:,g}", "middle")
    yield _text((LEFT + right) / 2, bottom + 33, x_name, "middle")
    for n, line in enumerate(panel.lines):
        for each in line.points:
            yield _path([(across(each.x), up(each.least)), (across(each.x), up(each.most))], line.color, 1)
        yield _path([(across(each.x), up(each.middle)) for each in line.points], line.color)
        for each in line.points:
            yield _mark(n, across(each.x), up(each.middle), line.color)


def _steps(most: float) -> list[float]:
    """Round numbers from 0 to beyond the most, at most seven."""
    power = 10 ** math.floor(math.log10(most / 6))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 6 >= most)
    return [step * n for n in range(math.ceil(most / step) + 1)]


def _decades(least: float, most: float) -> list[float]:
    """The powers of ten around the values, with at least one in between."""
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]


def _path(points: Iterable[tuple[float, float]], color: str, width: float = 2) -> str:
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def _mark(n: int, x: float, y: float, color: str) -> str:
    """A circle, a square or a triangle, so that lines differ without color too."""
    if n % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{MARK}" fill="{color}"/>'
    if n % 3 == 1:
        side = 2 * MARK
        return f'<rect x="{x - MARK:.1f}" y="{y - MARK:.1f}" width="{side}" height="{side}" fill="{color}"/>'
    corners = f"M{x:.1f} {y - 4.5:.1f}L{x + 4.5:.1f} {y + 3.5:.1f}L{x - 4.5:.1f} {y + 3.5:.1f}Z"
    return f'<path d="{corners}" fill="{color}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "400") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
