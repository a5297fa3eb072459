"""What a step of training or evaluation receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """B samples on the training device.

    inputs: [B, C, H, W] for images, [B, F] for vectors, [B, C, T] for series, all float32 and normalised;
        token ids int64 [B, L] for texts.
    targets: class indices int64 [B], labels float32 [B, L], values float32 [B, T], none float32 [B, 0], masks
        of class indices [B, H, W] (int64; uint8 until they are augmented; 255 is left out); mixing
        augmentations turn class indices into probabilities, float32 [B, K].
    samples: row numbers in the manifest, int64 [B].
    name, others: of samples of several inputs: what ``inputs`` is called, and the other inputs by their
        names, each [B, ...].
    """

    inputs: Tensor
    targets: Tensor
    samples: Tensor
    name: str = "inputs"
    others: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def has_masks(self) -> bool:
        """Whether targets are masks, which move with their images."""
        return self.targets.ndim == 3

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: slice | Tensor) -> Batch:
        """Some of the samples."""
        others = {name: values[rows] for name, values in self.others.items()}
        return Batch(self.inputs[rows], self.targets[rows], self.samples[rows], self.name, others)

    def through(self, model: nn.Module) -> Any:
        """What a model gives for it: called with the one input, or with several by their names."""
        if self.others:
            return model(**{self.name: self.inputs}, **self.others)
        return model(self.inputs)
