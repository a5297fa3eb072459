"""One linear layer: logistic or linear regression on any input."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def linear(in_features: int, outputs: int) -> nn.Sequential:
    """One linear layer: [B, ...] -> [B, outputs]; the baseline that every other model has to beat."""
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), classifier=nn.Linear(in_features, outputs)))
