"""An exponential moving average of a model's weights (Polyak & Juditsky 1992)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Ema:
    """A second model whose parameters follow the first: average = decay * average + (1 - decay) * weight.

    Buffers (batch-norm statistics, counters) are copied: they are averages already, or integers.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(requires_grad=False)
        self._decay = decay
        self.attach(model)

    def attach(self, model: nn.Module) -> None:
        """Follow a model whose weights have become other objects."""
        self._averages: list[Tensor] = list(self.model.parameters())
        self._weights: list[Tensor] = list(model.parameters())
        self._copies = list(self.model.buffers())
        self._buffers = list(model.buffers())

    @torch.no_grad()
    def update(self) -> None:
        """Follow the model by one optimiser step."""
        torch._foreach_lerp_(self._averages, self._weights, 1 - self._decay)
        for target, source in zip(self._copies, self._buffers, strict=True):
            target.copy_(source)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights by the names of the model."""
        return dict(self.model.state_dict())
