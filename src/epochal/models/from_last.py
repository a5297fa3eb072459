"""Forecasts that start from the last known value."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FromLast(nn.Module):
    """Series [B, C, T] -> [B, outputs]: a network that forecasts changes, and the last value added to them.

    The last value is taken off the series before the network sees it, so that a level that training never had
    is no new one (Zeng et al. 2023, "Are Transformers effective for time series forecasting?", NLinear). A
    network that gives 0 forecasts that the last value goes on.

    channels: of each output the channel that it continues, or None. gain, offset: float [outputs], by which a
    normalised last value becomes one in the units of the outputs.
    """

    index: Tensor
    gain: Tensor
    offset: Tensor
    taken: Tensor

    def __init__(
        self, network: nn.Module, channels: Sequence[int | None], inputs: int, gain: Tensor, offset: Tensor
    ) -> None:
        super().__init__()
        self.network = network
        known = torch.tensor([channel is not None for channel in channels])
        self.register_buffer("index", torch.tensor([channel or 0 for channel in channels]))
        self.register_buffer("gain", torch.where(known, gain, 0.0))
        self.register_buffer("offset", torch.where(known, offset, 0.0))
        taken = [float(channel in channels) for channel in range(inputs)]
        self.register_buffer("taken", torch.tensor(taken)[:, None])

    def forward(self, series: Tensor) -> Tensor:
        """[B, C, T] -> [B, outputs]."""
        last = series[:, :, -1:]
        changes: Tensor = self.network(series - last * self.taken)
        return changes + last[:, :, 0].index_select(1, self.index) * self.gain + self.offset
