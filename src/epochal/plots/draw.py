"""All the pictures of a run, from its files; and images put side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from epochal.plots.calibration import plot_calibration
from epochal.plots.confusion import plot_confusion
from epochal.plots.dice import plot_dice
from epochal.plots.forecast import plot_forecast
from epochal.plots.history import Best, plot_learning_rate, plot_loss, plot_metrics
from epochal.plots.precision_recall import plot_precision_recall
from epochal.plots.regression import plot_regression
from epochal.plots.roc import plot_roc
from epochal.plots.style import save
from epochal.run.history import read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SMALLEST = 64  # pixels of an image's shorter side in a grid
_GAP = 2


def draw_plots(
    curves: Path,
    plots: Path,
    history: Path,
    splits: Iterable[str] = ("val", "test"),
    best: Best | None = None,
) -> list[Path]:
    """Draw what there is to draw, and return the pictures' paths.

    curves: the folder of tables, ``roc_test.csv`` and so on. plots: the folder to write to.
    history: ``metrics.jsonl``. best: the monitor and its best epoch, (``val/accuracy``, 7), to be marked.
    """
    drawn = []
    for name, draw in _pictures(curves, history, splits, best):
        figure = draw()
        if figure is not None:
            save(figure, plots / f"{name}.png")
            drawn.append(plots / f"{name}.png")
    return drawn


def _pictures(
    curves: Path, history: Path, splits: Iterable[str], best: Best | None
) -> Iterable[tuple[str, Callable[[], Figure | None]]]:
    """Each picture's name and how it is drawn."""
    rows = read_history(history)
    yield "loss", lambda: plot_loss(rows, best)
    yield "metrics", lambda: plot_metrics(rows, best)
    yield "learning_rate", lambda: plot_learning_rate(rows)
    for split in splits:
        for table, picture, draw in (
            ("confusion", "confusion", plot_confusion),
            ("dice", "dice", plot_dice),
            ("roc", "roc", plot_roc),
            ("precision_recall", "precision_recall", plot_precision_recall),
            ("calibration", "calibration", plot_calibration),
            ("scatter", "predicted_vs_true", plot_regression),
            ("forecast", "forecast", plot_forecast),
        ):
            yield f"{picture}_{split}", partial(_from_table, draw, curves / f"{table}_{split}.csv", split)


def _from_table(draw: Callable[[pl.DataFrame, str], Figure | None], path: Path, split: str) -> Figure | None:
    return draw(read_curves(path), split) if path.exists() else None


def read_curves(path: Path) -> pl.DataFrame:
    """A table of coordinates; the names in its first column stay text, also where they look like numbers."""
    first = pl.read_csv(path, n_rows=0, infer_schema=False).columns[0]
    return pl.read_csv(path, schema_overrides={first: pl.String})


def image_grid(images: npt.NDArray[Any], columns: int = 8) -> npt.NDArray[np.uint8]:
    """Images side by side on white, row by row, uint8 [H, W, 3].

    images: [N, C, H, W], float in [0, 1] or uint8, N > 0; the first three channels are shown, and the first
    alone, in grey, where there are fewer. Small images are enlarged by a whole factor, pixel by pixel.
    """
    channels = images[:, :3] if images.shape[1] >= 3 else images[:, [0, 0, 0]]
    if channels.dtype != np.uint8:
        channels = (np.nan_to_num(channels).clip(0, 1) * 255).round().astype(np.uint8)
    factor = max(1, -(-_SMALLEST // min(images.shape[2:])))
    tiles = channels.transpose(0, 2, 3, 1).repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, _ = tiles.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    grid = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top = _GAP + place // columns * (height + _GAP)
        left = _GAP + place % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = tile
    return grid
