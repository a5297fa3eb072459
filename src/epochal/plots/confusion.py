"""The confusion matrix of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from epochal.plots.style import INK, MUTED, dress, elide, new_figure, to_rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_MOST_WITH_NUMBERS = 20
_MOST_TICKS = 50
_MOST_LISTED = 15


def plot_confusion(table: pl.DataFrame, split: str) -> Figure:
    """Counts, and the share of each true class, side by side.

    table: TARGET, and a column of counts for each predicted class. Beyond twenty classes numbers could not
    be read: the shares alone are shown in colour, beside a list of the most frequent confusions.
    """
    names = [str(name) for name in table["TARGET"]]
    counts = table[:, 1:].to_numpy().astype(np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(names) > _MOST_WITH_NUMBERS:
        return _heatmap_with_list(names, counts, shares, split)
    side = max(3.5, 1.1 + 0.42 * len(names))
    figure = new_figure(2 * side + 1.2, side + 0.5)
    left, right = figure.subplots(1, 2)
    _heatmap(left, names, shares, f"Confusion matrix · {split}")
    _write_numbers(left, shares, [[f"{count}" for count in row] for row in counts])
    _heatmap(right, names, shares, "Share of each true class, %")
    _write_numbers(right, shares, [[_share(share) for share in row] for row in shares])
    right.set(ylabel="", yticklabels=[])
    return figure


def confusion_figure(table: pl.DataFrame, split: str = "val") -> npt.NDArray[np.uint8]:
    """The picture of ``plot_confusion`` as pixels, uint8 [H, W, 3]."""
    return to_rgb(plot_confusion(table, split))


def _heatmap(axes: Axes, names: Sequence[str], shares: Shares, title: str, **arguments: Any) -> Any:
    """The shares in colour; rows are true classes."""
    classes = len(names)
    dress(axes, title, "predicted", "true", grid=False)
    # the root lets a confusion of one in a hundred be seen beside a diagonal of ones
    picture = axes.imshow(
        np.sqrt(shares), cmap="Blues", vmin=0, vmax=1.05, interpolation="nearest", **arguments
    )
    every = -(-classes // _MOST_TICKS)
    shown = range(0, classes, every)
    labels = [elide(names[k], 18) for k in shown]
    size = float(np.clip(200 / classes, 5.5, 8.5))
    upright = classes * max(map(len, labels)) > 45  # side by side they would run together
    axes.set_xticks(shown, labels, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(shown, labels, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return picture


def _write_numbers(axes: Axes, shares: Shares, texts: Sequence[Sequence[str]]) -> None:
    """A number in each cell; zeros stay blank, so that the mistakes stand out."""
    longest = max(len(text) for row in texts for text in row)
    size = min(9.5, 36 / max(longest, 3))
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            colour = "white" if share > 0.36 else INK
            axes.text(column, row, texts[row][column], ha="center", va="center", color=colour, fontsize=size)


def _share(share: float) -> str:
    """A share in per cent, without hiding that a small one is not nothing and a large one not all."""
    percent = 100 * share
    if 0 < percent < 0.5:
        return "<1"
    if 99.5 <= percent < 100:
        return ">99"
    return f"{percent:.0f}"


def _heatmap_with_list(names: Sequence[str], counts: Counts, shares: Shares, split: str) -> Figure:
    side = float(np.clip(4.5 + 0.07 * len(names), 6.0, 9.0))
    figure = new_figure(side + 5.0, side)
    axes, beside = figure.subplots(1, 2, width_ratios=(side, 3.9))
    picture = _heatmap(axes, names, shares, f"Confusion matrix · {split}")
    bar = figure.colorbar(picture, ax=axes, shrink=0.5, pad=0.02, aspect=30)
    ticks = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
    bar.set_ticks([t**0.5 for t in ticks], labels=[f"{100 * t:.0f}%" for t in ticks])
    bar.ax.tick_params(labelsize=8, length=0, labelcolor=INK)
    bar.outline.set_visible(False)
    bar.set_label("share of the true class", fontsize=8.5, color=INK)
    beside.axis("off")
    beside.set_title(
        "Most frequent confusions", loc="left", fontsize=11, fontweight="bold", color=INK, pad=10
    )
    beside.text(0.0, 0.985, "count   true → predicted", color=MUTED, fontsize=8.5)
    for place, (count, true, predicted) in enumerate(_confusions(names, counts)):
        height = 0.985 - (place + 1) * 0.26 / side
        beside.text(0.1, height, f"{count}", ha="right", color=INK, fontsize=9, fontweight="bold")
        beside.text(0.15, height, f"{true} → {predicted}", color=INK, fontsize=8.5, in_layout=False)
    beside.set(xlim=(0, 1), ylim=(0, 1))
    return figure


def _confusions(names: Sequence[str], counts: Counts) -> list[tuple[int, str, str]]:
    """The largest counts beside the diagonal: (count, true class, predicted class)."""
    wrong = counts * (1 - np.eye(len(names), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_LISTED]
    cells = [(int(cell) // len(names), int(cell) % len(names)) for cell in order]
    return [
        (int(wrong[row, column]), elide(names[row], 20), elide(names[column], 20))
        for row, column in cells
        if wrong[row, column] > 0
    ]
