"""How well masks overlap, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from epochal.plots.style import INK, MUTED, VAL, dress, elide, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 40


def plot_dice(table: pl.DataFrame, split: str) -> Figure:
    """Dice of each class, the best first, with the middle half of images; of many classes the worst 40.

    table: CLASS, DICE of all pixels, and LOW and HIGH, the quartiles of Dice over images.
    """
    rows = table.sort("DICE", descending=True).tail(_MOST)
    height = np.arange(len(rows))[::-1]
    figure = new_figure(6.5, 1.3 + 0.32 * len(rows))
    axes = figure.subplots()
    left = f", worst {_MOST} of {len(table)} classes" if len(table) > _MOST else ""
    dress(axes, f"Dice of each class · {split}{left}", "Dice: all pixels, and the middle half of images")
    low, high = (rows[name].cast(pl.Float64).to_numpy() for name in ("LOW", "HIGH"))
    axes.hlines(height, low, high, color=VAL, alpha=0.35, linewidth=7)
    axes.plot(rows["DICE"].to_numpy(), height, "o", color=VAL, markersize=6, clip_on=False)
    for place, dice in zip(height, rows["DICE"], strict=True):
        axes.text(1.02, place, f"{dice:.3f}", va="center", color=INK, fontsize=8.5)
    axes.set_yticks(height, [elide(str(name), 22) for name in rows["CLASS"]])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_color(MUTED)
    return figure
