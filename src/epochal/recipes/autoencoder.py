"""The network and the task of the recipe ``autoencoder``: images that are their own targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.manifest import Array
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN, _COLUMNS = 32, 8
_LEAST = 1e-12  # of an error whose logarithm is taken


@final
class Reconstruction(Task):
    """Outputs are images beside their reconstructions, [B, 2, C, H, W]; a prediction is a sample's error.

    Images have values in 0..1: ``data.normalize: none``.
    """

    target = "none"
    monitor = "val/loss"

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Inputs and what the model makes of them."""
        return torch.stack([batch.inputs, model(batch.inputs).float()], dim=1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG002 (a task's signature)
        """Between reconstructions and images."""
        return super().loss(outputs[:, 1], outputs[:, 0])

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 (a task's)
        """The mean squared error."""
        return {"mse": self.predict(outputs).mean()}

    def predict(self, outputs: Tensor) -> Tensor:
        """The mean squared error of each sample, [N, 1]."""
        return (outputs[:, 1] - outputs[:, 0]).square().flatten(1).mean(dim=1, keepdim=True)

    def scores(self, predictions: Array, targets: Array) -> Scores:  # noqa: ARG002 (a task's signature)
        """mse, and psnr: the mean over samples of 10 log₁₀(1 / mse), in decibels."""
        decibels = -10 * np.log10(np.maximum(predictions.astype(np.float64), _LEAST))
        return Scores({"mse": float(predictions.mean(dtype=np.float64)), "psnr": float(decibels.mean())})

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:  # noqa: ARG002
        """None."""
        return {}

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:  # noqa: ARG002
        """ERROR, the mean squared error: large for a sample unlike those of training."""
        return {"ERROR": predictions[:, 0]}

    def plots(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor | Figure]:
        """``reconstructions``: rows of images, each above the row of what the model makes of them."""
        pairs = self.forward(model, batch)[:_SHOWN]
        columns = min(_COLUMNS, len(pairs))
        pairs = pairs[: len(pairs) // columns * columns]
        rows = pairs.reshape(-1, columns, *pairs.shape[1:]).transpose(1, 2)  # [rows, 2, columns, C, H, W]
        return {"reconstructions": rows.flatten(0, 1)}


@final
class Autoencoder(nn.Module):
    """Images [B, C, H, W] through ``latent`` numbers and back to values in 0..1; 4 divides the sides.

    width: channels at half of the side; there are twice as many at a quarter.
    """

    def __init__(self, input_shape: tuple[int, int, int], latent: int = 8, width: int = 16) -> None:
        super().__init__()
        channels, height, side = input_shape
        small = (2 * width, height // 4, side // 4)
        features = small[0] * small[1] * small[2]
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(features, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, features),
            nn.Unflatten(1, small),
            nn.GELU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """The reconstructions."""
        reconstructions: Tensor = self.decoder(self.encoder(images))
        return reconstructions
