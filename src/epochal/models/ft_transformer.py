"""The FT-Transformer of Gorishniy et al. 2021, "Revisiting deep learning models for tabular data"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from epochal.models.encoder import Encoder, output_layer
from epochal.models.inputs import check_heads, check_sizes, table_width


class FTTransformer(nn.Module):
    """[B, F] -> [B, outputs]: each column becomes a token, and attention lets columns see each other.

    A numeric column's token is its value times a learnt vector, a category's is its code's vector; each
    column has a bias. A further token, [CLS], gathers what the output layer reads. As in the paper: norms
    before each part but the first, ReGLU.

    width: of a token. layers: the number of blocks. heads: of attention. dropout: probability.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        cardinalities: Sequence[int] = (),
        width: int = 64,
        layers: int = 3,
        heads: int = 8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        columns = table_width("ft_transformer", input_shape)
        check_heads("ft_transformer", width, heads)
        check_sizes("ft_transformer", layers=[layers])
        self.tokens = _Tokens(list(cardinalities) or [0] * columns, width)
        self.encoder = Encoder(width, layers, heads, width * 4 // 3, dropout, gated=True, first_norm=False)
        self.norm = nn.LayerNorm(width)
        self.classifier = output_layer(width, outputs)

    def forward(self, columns: Tensor) -> Tensor:
        """[B, F] -> [B, outputs]."""
        encoded = self.encoder(self.tokens(columns))
        logits: Tensor = self.classifier(F.relu(self.norm(encoded[:, 0])))
        return logits


class _Tokens(nn.Module):
    """[B, F] -> [B, 1 + F, width]: [CLS], the numeric columns, the categories."""

    numeric: Tensor
    categorical: Tensor
    offsets: Tensor

    def __init__(self, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        numeric = [column for column, codes in enumerate(cardinalities) if not codes]
        categorical = [column for column, codes in enumerate(cardinalities) if codes]
        codes = [cardinalities[column] for column in categorical]
        indices = {
            "numeric": numeric,
            "categorical": categorical,
            # one table for all: a category's codes start where those of the one before end
            "offsets": [0, *itertools.accumulate(codes)][: len(codes)],
        }
        for name, values in indices.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)
        self.start = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(len(cardinalities), width))
        self.weight = nn.Parameter(torch.empty(len(numeric), width)) if numeric else None
        self.embedding = nn.Embedding(sum(codes), width) if codes else None
        bound = 1 / math.sqrt(width)  # the paper's initialisation
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        if self.embedding is not None:
            with torch.no_grad():  # a code that training never has, missing or unseen, says nothing
                self.embedding.weight[self.offsets] = 0.0

    def forward(self, columns: Tensor) -> Tensor:
        tokens = []
        if self.weight is not None:
            tokens.append(columns.index_select(1, self.numeric)[:, :, None] * self.weight)
        if self.embedding is not None:
            tokens.append(self.embedding(columns.index_select(1, self.categorical).long() + self.offsets))
        start = self.start.expand(len(columns), 1, -1)
        return torch.cat([start, torch.cat(tokens, dim=1) + self.bias], dim=1)
