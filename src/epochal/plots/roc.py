"""The ROC curves of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from epochal.plots.style import GRID, INK, MUTED, Line, add_legend_of, dress, lines_of, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CROWDED = 0.985  # from this area on, curves crowd into the corner and are shown again, enlarged


def plot_roc(table: pl.DataFrame, split: str) -> Figure:
    """True against false positive rate, with the area under each curve.

    table: CURVE, FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE, THRESHOLD, AREA.
    """
    lines = lines_of(table)
    figure = new_figure(7.4, 5.2) if len(lines) > 1 else new_figure(5.2, 5.7)
    axes = figure.add_subplot()
    dress(axes, f"ROC · {split}", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    _draw(axes, lines)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if float(lines[0].rows["AREA"][0]) > _CROWDED:
        _enlarge_corner(axes, lines)
    add_legend_of(axes, lines, "area under the curve")
    return figure


def _draw(axes: Axes, lines: list[Line]) -> None:
    for line in lines:
        axes.plot(line.rows["FALSE_POSITIVE_RATE"], line.rows["TRUE_POSITIVE_RATE"], **line.look)


def _enlarge_corner(axes: Axes, lines: list[Line]) -> None:
    """The upper left corner again, in the half of the picture that good curves leave empty."""
    inset = axes.inset_axes((0.4, 0.1, 0.54, 0.54))
    dress(inset)
    inset.set_title("enlarged", loc="left", fontsize=8, color=MUTED, pad=4)
    inset.spines[["top", "right"]].set_visible(True)
    inset.spines[:].set_color(MUTED)
    _draw(inset, lines)
    inset.set(xlim=(-0.001, 0.1), ylim=(0.9, 1.002), xticks=(0, 0.05, 0.1), yticks=(0.9, 0.95, 1.0))
    inset.tick_params(labelsize=7.5, labelcolor=INK)
    inset.grid(color=GRID)
