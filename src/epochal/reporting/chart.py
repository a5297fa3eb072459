"""A chart as numbers for an SVG: scales, ticks, paths, and the values that show under the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Range = tuple[float, float]

WIDTH, HEIGHT, SQUARE = 480.0, 300.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 14.0, 12.0, 42.0
_MOST_POINTS = 150  # of one line; 480 units of width show no more
_MOST_DOTS = 1500
_MOST_MARKED = 24  # points with a marker each


@dataclass(frozen=True)
class Series:
    """One line or cloud of dots.

    x, y: float64 [M], finite. look: a class of the style sheet, ``c0`` to ``c9``, ``ink``, ``train``,
    ``val`` or ``faint``. note: stands after the name in the legend, such as an area.
    legend: series with one legend entry share its text; empty for none of its own name.
    band: lower and upper y [M] around the line. stepped: y holds from the x before to its own.
    marked: each point has a marker, where they are few.
    """

    name: str
    x: Values
    y: Values
    look: str = "c0"
    kind: Literal["line", "dots"] = "line"
    dashed: bool = False
    note: str = ""
    legend: str = ""
    band: tuple[Values, Values] | None = None
    stepped: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Chart:
    """What to draw. x_range, y_range: of the axes, None for that of the values.

    guides: straight grey lines, each (x0, y0, x1, y1). mark: an x to be marked, with its words.
    square: as wide as high, for two axes of one unit.
    """

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_range: Range | None = None
    y_range: Range | None = None
    log: bool = False
    whole: bool = False
    square: bool = False
    guides: Sequence[tuple[float, float, float, float]] = ()
    mark: tuple[float, str] | None = None


@dataclass(frozen=True)
class _Axis:
    """A scale from values to units of the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: Values) -> Values:
        if self.log:
            values, low, high = np.log10(values), math.log10(self.low), math.log10(self.high)
        else:
            low, high = self.low, self.high
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    def at(self, value: float) -> float:
        """The place of one value."""
        return round(float(self(np.array([value]))[0]), 1)

    def ticks(self, count: int, whole: bool) -> list[tuple[float, str]]:
        """Places and texts of round values."""
        values = (
            _decades(self.low, self.high) if self.log else _round_values(self.low, self.high, count, whole)
        )
        return [(self.at(value), tick_text(value)) for value in values]


def lay_out(chart: Chart) -> dict[str, Any]:
    """Everything that the template ``chart.html`` writes down, in plain values."""
    width, height = (SQUARE, SQUARE - _LEFT - _RIGHT + _TOP + _BOTTOM) if chart.square else (WIDTH, HEIGHT)
    series = [_thinned(each) for each in chart.series if len(each.x)]
    x_low, x_high = chart.x_range or _extent([each.x for each in series])
    bands = [side for each in series if each.band for side in each.band]
    y_low, y_high = chart.y_range or _extent([*(each.y for each in series), *bands], chart.log)
    x_axis = _Axis(x_low, x_high, _LEFT, width - _RIGHT)
    y_axis = _Axis(y_low, y_high, height - _BOTTOM, _TOP, chart.log)
    legend = list(dict.fromkeys(each.legend or each.name for each in series))
    return {
        "title": chart.title,
        "labels": (chart.x_label, chart.y_label),
        "size": (width, round(height, 1)),
        "plot": (_LEFT, _TOP, width - _RIGHT, round(height - _BOTTOM, 1)),
        "x_ticks": x_axis.ticks(6, chart.whole),
        "y_ticks": y_axis.ticks(5, whole=False),
        "guides": [
            (x_axis.at(x0), y_axis.at(y0), x_axis.at(x1), y_axis.at(y1)) for x0, y0, x1, y1 in chart.guides
        ],
        "mark": (x_axis.at(chart.mark[0]), chart.mark[1]) if chart.mark else None,
        "mark_left": chart.mark is not None and x_axis.at(chart.mark[0]) > width / 2,
        "legend": [
            (text, next(each for each in series if (each.legend or each.name) == text)) for text in legend
        ],
        "series": [_drawn(each, legend.index(each.legend or each.name), x_axis, y_axis) for each in series],
    }


def _drawn(series: Series, entry: int, x_axis: _Axis, y_axis: _Axis) -> dict[str, Any]:
    x, y = x_axis(series.x), y_axis(series.y)
    band = ""
    if series.band:
        lower, upper = (y_axis(side) for side in series.band)
        band = _path(np.concatenate((x, x[::-1])), np.concatenate((upper, lower[::-1]))) + "Z"
    return {
        "look": series.look,
        "kind": series.kind,
        "dashed": series.dashed,
        "entry": entry,
        "path": _path(x, y, series.stepped) if series.kind == "line" else "",
        "band": band,
        "dots": list(zip(x.round(1).tolist(), y.round(1).tolist(), strict=True))
        if series.kind == "dots" or (series.marked and len(x) <= _MOST_MARKED)
        else [],
        "hover": _hover(series, x, y),
    }


def _hover(series: Series, x: Values, y: Values) -> dict[str, Any]:
    """What shows under the pointer: places and texts of the points; none of a line that is one of many."""
    points = slice(0 if series.look == "faint" else None)
    return {
        "name": series.name,
        "px": x[points].round(1).tolist(),
        "py": y[points].round(1).tolist(),
        "x": [tick_text(value) for value in series.x[points].tolist()],
        "y": [tick_text(value) for value in series.y[points].tolist()],
    }


def _path(x: Values, y: Values, stepped: bool = False) -> str:
    if stepped:
        steps = "".join(f"V{b:g}H{a:g}" for a, b in zip(x[1:].round(1), y[1:].round(1), strict=True))
        return f"M{x[0]:.1f},{y[0]:.1f}{steps}"
    return "M" + "L".join(f"{a:g},{b:g}" for a, b in zip(x.round(1), y.round(1), strict=True))


def _thinned(series: Series) -> Series:
    """At most as many points as the eye can use, evenly spaced along the line, its ends among them."""
    count = len(series.x)
    if series.kind == "dots":
        keep = np.unique(np.linspace(0, count - 1, min(count, _MOST_DOTS)).astype(int))
    elif count <= _MOST_POINTS:
        return series
    else:
        spans = [float(np.ptp(values)) or 1.0 for values in (series.x, series.y)]
        steps = np.abs(np.diff(series.x)) / spans[0] + np.abs(np.diff(series.y)) / spans[1]
        travelled = np.concatenate(([0.0], np.cumsum(steps)))
        spaced = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], _MOST_POINTS // 2)).clip(
            1, count - 1
        )
        keep = np.unique(np.concatenate((spaced, spaced - 1)))  # both sides of a jump
    band = (series.band[0][keep], series.band[1][keep]) if series.band else None
    return replace(series, x=series.x[keep], y=series.y[keep], band=band)


def _extent(arrays: Sequence[Values], log: bool = False) -> Range:
    """The range of all values with a margin; a range of no width is widened."""
    values = np.concatenate(arrays) if arrays else np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    if log:
        return low / 1.5, high * 1.5
    margin = 0.04 * (high - low) or 0.1 * abs(low) or 0.5
    # a loss or a rate that comes near zero is read against zero
    return (0.0 if 0 <= low < 0.3 * high else low - margin), high + margin


def _round_values(low: float, high: float, count: int, whole: bool) -> list[float]:
    """About ``count`` multiples of 1, 2, 2.5 or 5 times a power of ten within the range."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1.0, float(math.ceil(step)))
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    every = max(1, -(-len(powers) // 6))
    return [10.0**power for power in powers[::every]]


def tick_text(value: float) -> str:
    """A number as short as it is exact to four digits."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000 or abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.3g}".partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return f"{value:.4g}"
