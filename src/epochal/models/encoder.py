"""The Transformer's encoder (Vaswani et al. 2017, "Attention is all you need"), normalised first."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Encoder(nn.Module):
    """[B, N, width] -> [B, N, width]: blocks with the norm before each part, and no norm after the last.

    Normalised before (Xiong et al. 2020, "On layer normalization in the Transformer architecture"), it
    trains without a warm-up.

    hidden: the width inside the feed-forward parts. dropout: probability, after each part. gated: ReGLU
    (Shazeer 2020, "GLU variants improve Transformer") in the place of GELU. first_norm: whether the first
    block normalises what its attention reads.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        hidden: int,
        dropout: float,
        *,
        gated: bool = False,
        first_norm: bool = True,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(width, heads, hidden, dropout, gated, first_norm or number > 0) for number in range(layers)
        )

    def forward(self, tokens: Tensor, real: Tensor | None = None) -> Tensor:
        """Encode tokens [B, N, width]; where ``real`` [B, N] is false, no other token looks."""
        mask = None
        if real is not None:
            # a row without a real token would attend to nothing, which is NaN: it sees its first one
            first = torch.arange(real.shape[1], device=real.device) == 0
            mask = (real | first)[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class _Block(nn.Module):
    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float, gated: bool, first_norm: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        self.gated = gated
        self.norm1: nn.Module = nn.LayerNorm(width) if first_norm else nn.Identity()
        self.attention = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, 2 * hidden if gated else hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        tokens = tokens + self.dropout(self._attend(self.norm1(tokens), mask))
        hidden = self.linear1(self.norm2(tokens))
        if self.gated:
            values, gates = hidden.chunk(2, dim=-1)
            hidden = values * F.relu(gates)
        else:
            hidden = F.gelu(hidden)
        refined: Tensor = tokens + self.dropout(self.linear2(self.dropout(hidden)))
        return refined

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        batch, number, width = tokens.shape
        split = self.attention(tokens).view(batch, number, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        merged: Tensor = self.mix(mixed.transpose(1, 2).reshape(batch, number, width))
        return merged


def add_positions(tokens: Tensor) -> Tensor:
    """[B, N, width] plus sines and cosines of each token's place (Vaswani et al. 2017, section 3.5).

    They are computed, not learnt, so that a batch may be longer than those of training.
    """
    width = tokens.shape[2]
    places = torch.arange(tokens.shape[1], device=tokens.device, dtype=torch.float32)
    even = torch.arange(0, width, 2, device=tokens.device, dtype=torch.float32)
    angles = places[:, None] * torch.exp(even * (-math.log(10_000.0) / width))
    waves = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
    return tokens + waves.to(tokens.dtype)


def output_layer(width: int, outputs: int) -> nn.Linear:
    """A linear layer whose outputs start near zero, so that the first loss is that of knowing nothing."""
    layer = nn.Linear(width, outputs)
    with torch.no_grad():
        layer.weight.mul_(0.1)
        layer.bias.zero_()
    return layer
