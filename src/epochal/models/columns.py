"""Columns of a table as numbers: those that are categories by a learnt vector for each of their codes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from epochal.models.inputs import check_sizes


class Columns(nn.Module):
    """[B, F] -> [B, ``width``]: numeric columns as they are, then each category's embedding.

    Guo & Berkhahn 2016, "Entity embeddings of categorical variables". A category's column holds the codes
    0..cardinality-1 as floats; 0, missing or unseen, has a vector of its own. It begins as zeros: where
    training has no such row, it says nothing.

    cardinalities: one entry a column, 0 for a numeric one. embedding: the width of every vector; None for
        fastai's rule, the smaller of 600 and round(1.6 · cardinality^0.56).
    """

    numeric: Tensor

    def __init__(self, model: str, cardinalities: Sequence[int], embedding: int | None) -> None:
        super().__init__()
        if embedding is not None:
            check_sizes(model, embedding=[embedding])
        numeric = [column for column, codes in enumerate(cardinalities) if not codes]
        # a buffer, for a list would be sent to the device at each batch
        self.register_buffer("numeric", torch.tensor(numeric, dtype=torch.long), persistent=False)
        self.categorical = [column for column, codes in enumerate(cardinalities) if codes]
        self.embeddings = nn.ModuleList(
            nn.Embedding(cardinalities[column], embedding or embedding_width(cardinalities[column]))
            for column in self.categorical
        )
        for table in self.embeddings:
            with torch.no_grad():
                table.weight[0] = 0.0  # type: ignore[operator]
        self.width = len(numeric) + sum(
            table.embedding_dim for table in self.embeddings if isinstance(table, nn.Embedding)
        )

    def forward(self, columns: Tensor) -> Tensor:
        """[B, F] -> [B, width]."""
        vectors = [
            embedding(columns[:, column].long())
            for column, embedding in zip(self.categorical, self.embeddings, strict=True)
        ]
        return torch.cat([columns.index_select(1, self.numeric), *vectors], dim=1)


def embedding_width(cardinality: int) -> int:
    """The width of a category's vector by fastai's rule of thumb."""
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))
