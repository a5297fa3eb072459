"""Masks as they are and as they were predicted, over their images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import torch
from torch import nn

from epochal.data.batches import Batches
from epochal.data.manifest import Array
from epochal.data.masks.coding import palette
from epochal.data.masks.read import painted
from epochal.experiment.assemble import Experiment
from epochal.experiment.config import ExperimentConfig
from epochal.plots.gallery import Tile, save_gallery
from epochal.run.folder import RunFolder

_MOST_NAMED = 12


def draw_overlays(
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
    names, pool = experiment.task.names, batches.pool
    colors = colors_of(experiment.config, names)
    tiles = []
    for row, name, dice, mask in zip(rows.tolist(), worst["FILENAME"], worst["DICE"], predicted, strict=True):
        image = pool.samples.read(row)
        truth: Array = pool.targets[row].numpy()
        tiles += [
            Tile(image, (str(name), f"dice {dice:.3f}")),
            Tile(painted(image, truth, colors), ("truth",)),
            Tile(painted(image, mask, colors), ("prediction",)),
        ]
    legend = [(name, tuple(colors[place].tolist())) for place, name in enumerate(names) if place][
        :_MOST_NAMED
    ]
    save_gallery([("lowest Dice", tiles)], folder.plots / f"errors_{label}.png", legend)


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
