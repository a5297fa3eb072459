"""The ROC curves of the folds of a cross-validation, and their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from epochal.plots.style import INK, MUTED, VAL, dress, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GRID = np.linspace(0, 1, 101)


def mean_roc(folds: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The curve of each fold and their mean: CURVE, FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE, LOW, HIGH, AREA.

    folds: the name of each fold -> its table of ROC curves; of several classes the macro average is taken.
    The mean is over folds at equal false positive rates (Fawcett, "An introduction to ROC analysis", 2006,
    algorithm 4); LOW and HIGH are one standard deviation from it, AREA that of the mean of the areas.
    """
    parts, heights, areas = [], [], []
    for name, table in folds.items():
        curve = _one(table)
        x, y = curve["FALSE_POSITIVE_RATE"].to_numpy(), curve["TRUE_POSITIVE_RATE"].to_numpy()
        height = np.interp(_GRID, x, y)
        height[0] = 0.0
        heights.append(height)
        areas.append(float(curve["AREA"][0]))
        parts.append(_rows(name, x, y, y, y, areas[-1]))
    mean, deviation = np.mean(heights, axis=0), np.std(heights, axis=0, ddof=1 if len(heights) > 1 else 0)
    low, high = np.clip(mean - deviation, 0, 1), np.clip(mean + deviation, 0, 1)
    return pl.concat([*parts, _rows("mean", _GRID, mean, low, high, float(np.mean(areas)))])


def _one(table: pl.DataFrame) -> pl.DataFrame:
    """The curve that stands for all classes."""
    macro = table.filter(pl.col("CURVE") == "macro")
    return macro if len(macro) else table.filter(pl.col("CURVE") == table["CURVE"][0])


def _rows(
    name: str,
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
    y: np.ndarray[tuple[int], np.dtype[np.float64]],
    low: np.ndarray[tuple[int], np.dtype[np.float64]],
    high: np.ndarray[tuple[int], np.dtype[np.float64]],
    area: float,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "CURVE": [name] * len(x),
            "FALSE_POSITIVE_RATE": x,
            "TRUE_POSITIVE_RATE": y,
            "LOW": low,
            "HIGH": high,
            "AREA": [area] * len(x),
        }
    )


def plot_mean_roc(table: pl.DataFrame) -> Figure:
    """What ``mean_roc`` gives: each fold thin, the mean with a band of one standard deviation."""
    figure = new_figure(5.4, 5.9)
    axes = figure.add_subplot()
    dress(axes, "ROC · folds", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    areas: list[float] = []
    for (name,), rows in table.group_by("CURVE", maintain_order=True):
        x, y = rows["FALSE_POSITIVE_RATE"], rows["TRUE_POSITIVE_RATE"]
        if name == "mean":
            axes.fill_between(x, rows["LOW"], rows["HIGH"], color=VAL, alpha=0.18, linewidth=0)
            spread = float(np.std(areas, ddof=1)) if len(areas) > 1 else 0.0
            label = f"mean of {len(areas)} folds, area {rows['AREA'][0]:.3f} ± {spread:.3f}"
            axes.plot(x, y, color=VAL, linewidth=2.2, label=label, zorder=3)
        else:
            areas.append(float(rows["AREA"][0]))
            axes.plot(
                x, y, color="#9aa1ab", linewidth=0.8, alpha=0.8, label="one fold" if len(areas) == 1 else None
            )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=8.5, labelcolor=INK)
    return figure
