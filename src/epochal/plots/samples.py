"""Pictures of the data itself: some samples of each class, and those that something is wrong with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from epochal.plots.style import HIGHLIGHT, INK, MUTED, elide, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image = npt.NDArray[Any]

_COLUMNS = 8
_MOST_ROWS = 24
_SIDE = 0.95  # inches of one picture
_LABEL = 1.5
_PIXELS = 160


@dataclass(frozen=True)
class Row:
    """One row of pictures.

    title: what they have in common; count: of all that have it. images: C×H×W, uint8 or floats in [0, 1];
    None where there is no picture. captions: one below each, or none.
    """

    title: str
    count: int
    images: Sequence[Image | None]
    captions: Sequence[str] = ()


def plot_samples(rows: Sequence[Row], title: str) -> Figure:
    """A row of up to 8 pictures for each class; classes after the 24th are counted."""
    return _grid(rows, title, below=0.0, wrapped=False)


def plot_offending(rows: Sequence[Row]) -> Figure:
    """A block of up to 8 pictures for each kind of fault, with the name of each file below it."""
    return _grid(rows, "what is wrong", below=0.3, wrapped=True)


def _grid(rows: Sequence[Row], title: str, below: float, wrapped: bool) -> Figure:
    """Rows of pictures, their title beside them, or above them where it is a sentence."""
    shown = rows[:_MOST_ROWS]
    above = 0.36 if wrapped else 0.0
    left = 0.2 if wrapped else _LABEL
    height = _SIDE + below + above
    top, bottom = 0.5, 0.1 + (0.25 if len(rows) > len(shown) else 0.0)
    columns = max(_COLUMNS if wrapped else 1, *(len(row.images) for row in shown))
    width, tall = left + max(columns, 4) * _SIDE + 0.1, top + len(shown) * height + bottom
    figure = new_figure(width, tall)
    figure.set_layout_engine("none")
    figure.text(0.15 / width, 1 - 0.3 / tall, title, fontsize=11, fontweight="bold", color=INK, va="center")
    for number, row in enumerate(shown):
        start = tall - top - number * height - above
        label = f"{elide(row.title, 104 if wrapped else 18)}"
        if wrapped:
            figure.text(0.2 / width, (start + 0.1) / tall, label, fontsize=8.5, color=INK)
        else:
            middle = start - _SIDE / 2
            figure.text(0.15 / width, (middle + 0.02) / tall, label, fontsize=9, color=INK)
            figure.text(0.15 / width, (middle - 0.18) / tall, f"{row.count:,}", fontsize=8, color=MUTED)
        for column, image in enumerate(row.images):
            place = ((left + column * _SIDE) / width, (start - _SIDE) / tall, 0.94 * _SIDE / width)
            axes = figure.add_axes((*place, 0.94 * _SIDE / tall))
            _show(axes, image)
            if row.captions:
                axes.set_xlabel(elide(row.captions[column], 15), fontsize=6.5, color=MUTED, labelpad=2)
    if len(rows) > len(shown):
        text = f"... and {len(rows) - len(shown)} more"
        figure.text(0.15 / width, 0.12 / tall, text, fontsize=8.5, color=MUTED)
    return figure


def _show(axes: Axes, image: Image | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(image is None)
        spine.set_color(MUTED)
    if image is None:
        axes.plot((0, 1), (0, 1), color=HIGHLIGHT, linewidth=0.8)
        axes.plot((0, 1), (1, 0), color=HIGHLIGHT, linewidth=0.8)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        return
    step = max(1, max(image.shape[1:]) // _PIXELS)
    pixels = image[:, ::step, ::step]
    if pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    channels = pixels[:3] if len(pixels) >= 3 else pixels[[0, 0, 0]]
    axes.imshow(channels.transpose(1, 2, 0), interpolation="nearest", aspect="equal")
