"""Initial weights by the schemes of the literature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from epochal.models.pretrained import classifier_parameters

_Weighted = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_Norms = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)

_SCHEMES: dict[str, Callable[..., Tensor]] = {
    "kaiming": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "normal": partial(nn.init.normal_, std=0.02),
}

INITIALISATIONS = (*_SCHEMES, "none")
"""``kaiming`` (He et al. 2015, "Delving deep into rectifiers"), ``xavier`` (Glorot & Bengio 2010),
``orthogonal`` (Saxe et al. 2013), ``normal`` (standard deviation 0.02, Radford et al. 2015), ``none``."""


@torch.no_grad()
def initialise(model: nn.Module, name: str, generator: torch.Generator) -> None:
    """Draw the model's initial weights anew, in place.

    Weights of linear and convolutional layers follow the scheme, biases become 0, norms 1 and 0; every
    other parameter stays as it is, and so does everything with ``none``. With ``kaiming`` the output layer's
    weights are a tenth of the scheme's: no ReLU follows it, and outputs near zero make the first loss that of
    knowing nothing.

    name: one of ``INITIALISATIONS``. generator: the only source of randomness.
    """
    if name == "none":
        return
    scheme = _SCHEMES[name]
    for module in model.modules():
        if isinstance(module, _Weighted):
            scheme(module.weight, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, _Norms):
            if module.weight is not None:
                module.weight.fill_(1.0)
            if module.bias is not None:
                module.bias.zero_()
    if name == "kaiming":
        head = classifier_parameters(model)
        for own_name, parameter in model.named_parameters():
            if own_name in head:
                parameter.mul_(0.1)
