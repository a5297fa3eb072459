"""What a step of training or evaluation receives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B samples on the training device.

    inputs: [B, C, H, W] for images, [B, F] for vectors; float32, normalised.
    targets: class indices int64 [B], labels float32 [B, L], values float32 [B, T]; mixing augmentations
        turn class indices into probabilities, float32 [B, K].
    samples: row numbers in the manifest, int64 [B].
    """

    inputs: Tensor
    targets: Tensor
    samples: Tensor

    def __len__(self) -> int:
        return len(self.samples)
