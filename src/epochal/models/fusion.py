"""Several inputs at once: a branch for each, and layers for all that they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from epochal.errors import ConfigError, Problem
from epochal.models.inputs import check_sizes
from epochal.models.mlp import mlp
from epochal.models.series import TCN
from epochal.models.simple_cnn import simple_cnn
from epochal.models.text import EmbeddingBag

_COLUMNS = "columns"  # the input that the cardinalities belong to


class Fusion(nn.Module):
    """Inputs by name, as a sample's own kind and ``columns`` beside it, -> [B, outputs].

    A ``simple_cnn`` reads images [B, C, H, W], a ``tcn`` series [B, C, T], an ``embedding_bag`` text [B, L]
    and an ``mlp`` with embeddings columns [B, F]; their vectors, one after the other, go through a layer of
    all to the output layer (late fusion; Baltrusaitis et al. 2019, "Multimodal machine learning: a survey
    and taxonomy").

    channels: of the image branches. hidden: the hidden layers of the column branches. width: of the vector
    that each branch gives, and of the layer of all. embedding: the width of the vector that stands for a
    category's code; the default follows its number of codes. dropout: probability, before the output layer.
    """

    def __init__(
        self,
        outputs: int,
        input_shapes: Mapping[str, tuple[int, ...]] | None = None,
        cardinalities: Sequence[int] = (),
        vocabulary: int | None = None,
        channels: list[int] | tuple[int, ...] = (32, 64),
        hidden: list[int] | tuple[int, ...] = (64,),
        width: int = 64,
        embedding: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes("fusion", channels=channels, hidden=hidden, width=[width])
        if not input_shapes:
            what = "fusion takes several inputs by name, these samples are one"
            raise ConfigError(Problem(what, "model", "use simple_cnn for images, mlp for columns"))
        self.names = list(input_shapes)
        self.branches = nn.ModuleList()
        for name, shape in input_shapes.items():
            if len(shape) == 3:
                self.branches.append(simple_cnn(shape, width, channels, hidden=0))
            elif len(shape) == 2:
                self.branches.append(TCN(shape, width))
            elif name != _COLUMNS and vocabulary is not None:
                self.branches.append(EmbeddingBag(width, vocabulary))
            elif len(shape) == 1:
                codes = cardinalities if name == _COLUMNS else ()
                self.branches.append(mlp(shape[0], width, hidden, cardinalities=codes, embedding=embedding))
            else:
                what = f"fusion takes images, series, text and columns, the input '{name}' has shape {shape}"
                raise ConfigError(Problem(what, "model", "write a model of your own: 'package.module:Net'"))
        # without a layer for all of them, outputs would be sums of what each input says alone
        self.joint = nn.Linear(width * len(self.names), width)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, outputs)

    def forward(self, **inputs: Tensor) -> Tensor:
        """One tensor an input, by its name -> [B, outputs]."""
        vectors = [branch(inputs[name]) for name, branch in zip(self.names, self.branches, strict=True)]
        joint = F.relu(self.joint(F.relu(torch.cat(vectors, dim=1))))
        logits: Tensor = self.classifier(self.dropout(joint))
        return logits
