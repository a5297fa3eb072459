"""A Dataset as users write them: it knows nothing of epochal."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset


class NoisyLine(Dataset[tuple[Tensor, Tensor]]):
    """Points of ``y = slope * x + intercept + noise``; x is uniform in [-1, 1].

    An item is (input float32 [1], target float32 [1]).
    """

    def __init__(
        self,
        samples: int = 1000,
        slope: float = 3.0,
        intercept: float = 2.0,
        noise: float = 0.1,
        seed: int = 0,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.rand(samples, 1, generator=generator) * 2 - 1
        self.y = slope * self.x + intercept + noise * torch.randn(samples, 1, generator=generator)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]
