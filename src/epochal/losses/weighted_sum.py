"""Several losses as one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class WeightedSum(nn.Module):
    """The sum of losses, each times its weight.

    losses: names, or {name: ..., argument: ...}. weights: one for each; by default 1.
    """

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(losses)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Outputs and targets as each of the losses takes them -> a scalar."""
        terms = [
            weight * loss(outputs, targets) for weight, loss in zip(self.weights, self.losses, strict=True)
        ]
        total: Tensor = sum(terms[1:], start=terms[0])
        return total
