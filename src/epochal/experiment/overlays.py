"""Masks as they are and as they were predicted, over their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

from epochal.data.batches import Batches
from epochal.data.inputs import Inputs
from epochal.data.manifest import Array, Source
from epochal.data.masks.coding import palette
from epochal.data.masks.read import painted
from epochal.experiment.assemble import Experiment
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.pictures import draw_split
from epochal.experiment.restore import load_predictor
from epochal.plots.gallery import Tile, save_gallery
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.tasks.segmentation import Segmentation

_MOST_NAMED = 12


def draw_worst(
    experiment: Experiment, model: nn.Module, batches: Batches, folder: RunFolder, label: str
) -> None:
    """The samples of a split that were predicted worst, of masks with what was predicted."""
    if isinstance(experiment.task, Segmentation):
        _draw_overlays(experiment, model, batches, folder, label)
    else:
        draw_split(folder, label, batches.pool)


def _draw_overlays(
    experiment: Experiment, model: nn.Module, batches: Batches, folder: RunFolder, label: str
) -> None:
    """``plots/errors_<label>.png``: image, truth and prediction of the lowest Dice, worst first.

    They are those of ``curves/errors_<label>.csv``, whose masks are predicted once more.
    """
    path = folder.curve("errors", label)
    worst = pl.read_csv(path) if path.exists() else pl.DataFrame()
    if not len(worst):
        return
    rows = worst["INDEX"].to_numpy().astype(np.int64)
    few = replace(batches, rows=rows, size=min(len(rows), batches.size), rank=0, processes=1)
    predicted = np.concatenate(list(_predicted(experiment, model, few)))
    pool = batches.pool
    shown = [
        _Shown(pool.samples.read(row), pool.targets[row].numpy(), mask)
        for row, mask in zip(rows.tolist(), predicted, strict=True)
    ]
    _save(experiment.config, experiment.task.names, worst, shown, folder.plots / f"errors_{label}.png")


def draw_pooled_overlays(
    config: ExperimentConfig, folder: RunFolder, folds: Sequence[Run], source: Source, label: str
) -> None:
    """The same of a cross-validation: each image by the fold that tested it, at its own size."""
    worst = pl.read_csv(folder.curve("errors", label))
    assert source.masks is not None
    shown = []
    for row, fold in zip(worst["INDEX"].to_list(), worst["FOLD"].to_list(), strict=True):
        one = Inputs([str(row)], partial(_read_at, source, row))
        (mask,) = load_predictor(folds[fold - 1]).masks(one)
        shown.append(_Shown(source.read(row), source.masks(row), mask))
    if shown:
        _save(config, source.manifest.names, worst, shown, folder.plots / f"errors_{label}.png")


def _read_at(source: Source, row: int, _: int) -> Array:
    return source.read(row)


@dataclass(frozen=True)
class _Shown:
    """An image C×H×W with its mask and the one predicted, uint8 [H, W]."""

    image: Array
    truth: Array
    predicted: Array


def _save(
    config: ExperimentConfig, names: tuple[str, ...], worst: pl.DataFrame, shown: list[_Shown], path: Path
) -> None:
    """worst: FILENAME and DICE of each."""
    colors = colors_of(config, names)
    tiles = []
    for name, dice, each in zip(worst["FILENAME"], worst["DICE"], shown, strict=True):
        tiles += [
            Tile(each.image, (str(name), f"dice {dice:.3f}")),
            Tile(painted(each.image, each.truth, colors), ("truth",)),
            Tile(painted(each.image, each.predicted, colors), ("prediction",)),
        ]
    legend = [(name, tuple(colors[place].tolist())) for place, name in enumerate(names) if place]
    save_gallery([("lowest Dice", tiles)], path, legend[:_MOST_NAMED])


def _predicted(experiment: Experiment, model: nn.Module, batches: Batches) -> list[Array]:
    """The classes of the pixels of each batch, uint8 [B, H, W]."""
    found = []
    model.eval()
    for batch in batches.epoch():
        with torch.no_grad(), experiment.compute.autocast():
            outputs = experiment.task.forward(model, batch)
        found.append(outputs.argmax(dim=1).to(torch.uint8).cpu().numpy())
    return found


def colors_of(config: ExperimentConfig, names: tuple[str, ...]) -> Array:
    """The colour of each class, uint8 [256, 3]: as the source names it, or one of ours."""
    return palette(names, config.data.source.arguments.get("colors"))
