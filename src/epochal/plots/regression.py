"""Predictions against targets of a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from epochal.plots.style import INK, MUTED, VAL, dress, elide, new_figure
from epochal.tasks.scores import regression_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = npt.NDArray[np.float64]

_MOST_TARGETS = 8
_MOST_DOTS = 3000  # beyond, dots hide each other and counts in hexagons tell more


def plot_regression(table: pl.DataFrame, split: str) -> Figure | None:
    """For each target, predictions against true values and residuals against predictions.

    table: NAME, TARGET, PREDICTION; its first eight names are shown. Rows that are not finite have no place
    in a picture; None where no others are left.
    """
    table = table.filter(pl.col("TARGET").is_finite() & pl.col("PREDICTION").is_finite())
    if table.is_empty():
        return None
    names = table["NAME"].unique(maintain_order=True).to_list()[:_MOST_TARGETS]
    figure = new_figure(9.4, 0.4 + 3.7 * len(names))
    panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(1, 1.25))
    for name, (left, right) in zip(names, panels, strict=True):
        _draw_target(left, right, table.filter(NAME=name), f"{elide(name, 30)} · {split}")
    return figure


def _draw_target(left: Axes, right: Axes, rows: pl.DataFrame, title: str) -> None:
    targets = rows["TARGET"].cast(pl.Float64).to_numpy()
    predictions = rows["PREDICTION"].cast(pl.Float64).to_numpy()
    residuals = predictions - targets
    scores = regression_scores(predictions[:, None], targets[:, None], [""]).overall
    names = {"r2": "R²", "rmse": "RMSE", "mae": "MAE"}
    summary = "   ".join(f"{names[score]} {scores[score]:.3g}" for score in names if score in scores)

    dress(left, title, "true", "predicted")
    _scatter(left, targets, predictions)
    low, high = _range(np.concatenate((targets, predictions)))
    left.plot([low, high], [low, high], color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
    left.set(xlim=(low, high), ylim=(low, high), aspect="equal")

    dress(right, "", "predicted", "predicted - true")
    right.set_title(summary, loc="left", fontsize=9, color=MUTED, pad=10)
    _scatter(right, predictions, residuals)
    right.axhline(0, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
    reach = float(np.abs(residuals).max(initial=0.0)) * 1.08 or 1.0
    right.set(ylim=(-reach, reach))


def _scatter(axes: Axes, x: Values, y: Values) -> None:
    """Dots, or where there are too many, hexagons coloured by the logarithm of how many fall there."""
    if len(x) > _MOST_DOTS:
        axes.hexbin(x, y, gridsize=55, bins="log", mincnt=1, cmap="Blues", linewidths=0.2)
        return
    opacity = float(np.clip(60 / np.sqrt(len(x) + 1) / 3, 0.25, 0.85))
    axes.scatter(x, y, s=16, color=VAL, alpha=opacity, linewidths=0)


def _range(values: Values) -> tuple[float, float]:
    """The values' range with a margin on both sides, also where they are all equal."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin
