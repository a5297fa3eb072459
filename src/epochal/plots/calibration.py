"""The reliability diagram of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from epochal.analysis.calibration import bins_to_draw
from epochal.plots.style import HIGHLIGHT, INK, MUTED, VAL, dress, elide, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_calibration(table: pl.DataFrame, split: str) -> Figure:
    """How often predictions come true against how probable they were said to be, and how many there are.

    table: CLASS (``all`` first), CONFIDENCE, FREQUENCY, COUNT, a row a bin. Of two classes the second one is
    shown too; more would hide each other. Bins of fewer than 20 samples are joined with their neighbours.
    """
    curves = {str(name): rows for (name,), rows in table.group_by("CLASS", maintain_order=True)}
    figure = new_figure(5.2, 6.4)
    axes, counts = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    dress(axes, f"Reliability · {split}", "", "share that came true")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    if len(curves) == 3:
        name = list(curves)[-1]
        _draw(axes, curves[name], f" {elide(name)}", HIGHLIGHT, 1.2)
    whole = curves["all"]
    _draw(axes, whole, "all", INK, 1.8)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    if len(curves) == 3:
        axes.legend(frameon=False, fontsize=8.5, loc="upper left", labelcolor=INK)
    dress(counts, "", "probability given", "samples")
    counts.bar(whole["CONFIDENCE"], whole["COUNT"], width=0.05, color=VAL)
    return figure


def _draw(axes: Axes, rows: pl.DataFrame, label: str, colour: str, width: float) -> None:
    """The curve, with the 95 % interval of each share (Wilson, J. Am. Statistical Association 22, 1927)."""
    bins = bins_to_draw(rows)
    x, y, n = bins.confidence, bins.frequency, bins.count
    axes.plot(x, y, color=colour, linewidth=width, label=label)
    axes.scatter(x, y, s=8 + 60 * n / n.sum(), color=colour, zorder=3)  # the area says how many
    z = 1.96
    middle = (y + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(y * (1 - y) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    axes.vlines(x, middle - half, middle + half, color=colour, linewidth=0.8, alpha=0.7)
