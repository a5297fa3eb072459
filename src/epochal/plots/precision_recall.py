"""The precision-recall curves of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from epochal.plots.style import MUTED, add_legend_of, dress, lines_of, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_precision_recall(table: pl.DataFrame, split: str) -> Figure:
    """Precision against recall, with each curve's average precision.

    table: CURVE, RECALL, PRECISION, THRESHOLD, AREA. The curves are steps, as the average precision reads
    them. A curve that stands alone is shown with the precision of chance: the share of positives.
    """
    lines = lines_of(table)
    figure = new_figure(7.4, 5.2) if len(lines) > 1 else new_figure(5.2, 5.7)
    axes = figure.add_subplot()
    dress(axes, f"Precision-recall · {split}", "recall", "precision")
    if len(lines) == 1:
        chance = float(lines[0].rows["PRECISION"][-1])
        axes.axhline(chance, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        below = chance > 0.92
        axes.annotate(
            f"chance {chance:.2f}",
            (0.0, chance),
            xytext=(4, -4 if below else 4),
            textcoords="offset points",
            va="top" if below else "bottom",
            fontsize=8,
            color=MUTED,
        )
    for line in lines:
        axes.plot(line.rows["RECALL"], line.rows["PRECISION"], drawstyle="steps-pre", **line.look)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
    add_legend_of(axes, lines, "average precision")
    return figure
