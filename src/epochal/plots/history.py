"""How a training went: loss, scores and learning rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from epochal.plots.style import COLOURS, HIGHLIGHT, INK, MUTED, TRAIN, VAL, dress, new_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Values = npt.NDArray[np.float64]
Best = tuple[str, int]
"""The monitor, ``val/accuracy``, and the epoch in which it was best."""

_MOST_MARKED = 30  # epochs; beyond, their points would run together


@dataclass(frozen=True)
class Series:
    """One number over a training: x (epochs or steps) and y, float64 [M], finite, x ascending."""

    x: Values
    y: Values

    def __len__(self) -> int:
        return len(self.x)


def series(rows: Sequence[Row], key: str, over: str) -> Series:
    """The values of ``key`` over ``epoch`` or ``step``.

    Of several lines for one epoch or step, as a resumed run writes them, the last holds.
    """
    points = {
        float(row[over]): float(row[key]) for row in rows if key in row and over in row and _real(row[key])
    }
    ordered = sorted(points)
    return Series(np.array(ordered), np.array([points[x] for x in ordered]))


def plot_loss(rows: Sequence[Row], best: Best | None) -> Figure | None:
    """Training and validation loss over epochs, the losses of single batches behind; None without any."""
    train, val = series(rows, "train/loss", "epoch"), series(rows, "val/loss", "epoch")
    batches = _over_epochs(series(rows, "train/batch_loss", "step"), rows)
    if not (len(train) or len(val) or len(batches)):
        return None
    figure = new_figure(7.2, 4.2)
    axes = figure.add_subplot()
    dress(axes, "Loss", "epoch")
    if len(batches) > 1:
        axes.plot(batches.x, batches.y, color=TRAIN, linewidth=0.7, alpha=0.45, label="single batches")
    _draw_pair(axes, train, val)
    epochs = np.concatenate((train.y, val.y))
    if len(epochs) > 2:
        _limit(axes, epochs, batches.y)
    _mark_best(axes, best, "val/loss", val)
    _epoch_axis(axes)
    _add_legend(figure, [axes])
    return figure


def plot_metrics(rows: Sequence[Row], best: Best | None) -> Figure | None:
    """A panel for each validation score over epochs, with the training split's; None without any.

    What only training has, such as the losses of a step of the user's own, comes last.
    """
    keys = dict.fromkeys(key for row in rows for key in row if key.startswith("val/") and key != "val/loss")
    panels = {key[4:]: values for key in keys if len(values := series(rows, key, "epoch"))}
    panels |= {name: series(rows, f"val/{name}", "epoch") for name in train_only(rows) if name not in panels}
    if not panels:
        return None
    columns = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}.get(len(panels), 4)
    lines = -(-len(panels) // columns)
    figure = new_figure(max(3.2 * columns, 5.4), 2.6 * lines + 0.3)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (metric, val) in zip(grid, panels.items(), strict=False):
        dress(axes, metric.replace("_", " "), "epoch")
        _draw_pair(axes, series(rows, f"train/{metric}", "epoch"), val)
        _mark_best(axes, best, f"val/{metric}", val)
        _epoch_axis(axes)
    _add_legend(figure, grid[: len(panels)])
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[: max(0, len(panels) - columns)]:
        axes.set_xlabel("")
    return figure


def train_only(rows: Sequence[Row]) -> list[str]:
    """The names of an epoch's training scores that validation does not have."""
    keys = dict.fromkeys(key for row in rows for key in row if key.startswith("train/"))
    names = [key[6:] for key in keys if key.split("/")[1] not in ("loss", "batch_loss", "lr")]
    return [name for name in names if not any(f"val/{name}" in row for row in rows)]


def rates(rows: Sequence[Row]) -> dict[str, Series]:
    """The learning rate over optimiser steps by its key, one for each optimizer."""
    keys = dict.fromkeys(key for row in rows for key in row if key.split("/")[:2] == ["train", "lr"])
    return {key: found for key in keys if len(found := series(rows, key, "step"))}


def plot_learning_rate(rows: Sequence[Row]) -> Figure | None:
    """The learning rates over optimiser steps; None where none was written."""
    found = rates(rows)
    if not found:
        return None
    figure = new_figure(7.2, 3.2)
    axes = figure.add_subplot()
    dress(axes, "Learning rate", "step")
    for (key, rate), colour in zip(found.items(), itertools.cycle((VAL, *COLOURS[1:])), strict=False):
        marker = "o" if len(rate) <= _MOST_MARKED else ""
        label = key.removeprefix("train/lr").removeprefix("/")
        axes.plot(rate.x, rate.y, color=colour, linewidth=1.8, marker=marker, markersize=4, label=label)
    if len(found) > 1:
        _add_legend(figure, [axes])
    every = np.concatenate([rate.y for rate in found.values()])
    # a rate that falls by factors of ten spends most of a run where a linear axis shows nothing
    if every.min() > 0 and np.median(every) <= every.max() / 10:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    return figure


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _over_epochs(steps: Series, rows: Sequence[Row]) -> Series:
    """A series over steps, over epochs instead: step and epoch of the lines that close an epoch tell how."""
    closed = {
        float(row["step"]): float(row["epoch"]) for row in rows if "train/loss" in row and "step" in row
    }
    if not closed or not len(steps):
        return Series(np.empty(0), np.empty(0))
    at = np.array([0.0, *sorted(closed)])
    epochs = np.array([closed[step] for step in sorted(closed)])
    return Series(np.interp(steps.x, at, np.append(epochs[0] - 1, epochs)), steps.y)


def _draw_pair(axes: Axes, train: Series, val: Series) -> None:
    """Training and validation, the points of a short training marked."""
    for name, values, colour in (("training", train, "#4d5560"), ("validation", val, VAL)):
        if len(values):
            marker = "o" if len(values) <= _MOST_MARKED else ""
            axes.plot(
                values.x, values.y, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=name
            )


def _limit(axes: Axes, epochs: Values, batches: Values) -> None:
    """Let the epochs' losses, not one wild batch, decide the range."""
    low, high = float(epochs.min()), float(epochs.max())
    if len(batches):
        low = min(low, float(np.quantile(batches, 0.02)))
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 0.1
    axes.set_ylim(low - margin, high + margin)


def _mark_best(axes: Axes, best: Best | None, key: str, val: Series) -> None:
    """A line at the best epoch with the score there, a dot where the score chose it; else the last score."""
    if best is None or best[1] not in val.x or len(val) == 1:
        if len(val):
            axes.set_title(f"{val.y[-1]:.4g}", loc="right", fontsize=9.5, color=VAL, pad=10)
        return
    monitor, epoch = best
    value = float(val.y[val.x == epoch][0])
    label = f"best epoch ({epoch})"
    axes.axvline(epoch, color=HIGHLIGHT, linewidth=1.1, linestyle=(0, (3, 2)), zorder=1.5, label=label)
    axes.set_title(f"{value:.4g}", loc="right", fontsize=9.5, color=HIGHLIGHT, pad=10, fontweight="bold")
    if monitor == key:
        axes.plot([epoch], [value], "o", markersize=8, color=HIGHLIGHT, markeredgecolor="white", zorder=4)


def _add_legend(figure: Figure, panels: Iterable[Axes]) -> None:
    """One legend for all panels, outside of them, where it hides nothing."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(str(label), handle)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


def _epoch_axis(axes: Axes) -> None:
    """Whole epochs at the ticks."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=1))
    axes.tick_params(colors=MUTED, labelcolor=INK)
