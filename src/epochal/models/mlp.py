"""The multilayer perceptron."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from torch import nn

from epochal.models.columns import Columns
from epochal.models.inputs import check_sizes

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def mlp(
    in_features: int,
    outputs: int,
    hidden: list[int] | tuple[int, ...] = (64,),
    dropout: float = 0.0,
    batch_norm: bool = False,
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"] = "relu",
    cardinalities: Sequence[int] = (),
    embedding: int | None = None,
) -> nn.Sequential:
    """Multilayer perceptron: [B, ...] -> [B, outputs]; any input is flattened.

    hidden: the width of each hidden layer; none makes it linear. dropout: probability, after each hidden
    layer. batch_norm: between each hidden layer and its activation. embedding: the width of the vector
    that stands for a category's code (Guo & Berkhahn 2016); the default follows its number of codes.
    """
    check_sizes("mlp", hidden=hidden)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width = in_features
    if any(cardinalities):
        layers["columns"] = columns = Columns("mlp", cardinalities, embedding)
        width = columns.width
    else:
        layers["flatten"] = nn.Flatten()
    for number, next_width in enumerate(hidden, start=1):
        layers[f"linear{number}"] = nn.Linear(width, next_width, bias=not batch_norm)
        if batch_norm:
            layers[f"norm{number}"] = nn.BatchNorm1d(next_width)
        layers[f"activation{number}"] = _ACTIVATIONS[activation]()
        if dropout:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
        width = next_width
    layers["classifier"] = nn.Linear(width, outputs)
    return nn.Sequential(layers)
