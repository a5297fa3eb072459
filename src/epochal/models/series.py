"""Networks for series [B, C, T], beside the recurrent ones: temporal convolution and the Transformer."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from epochal.errors import ConfigError, Problem
from epochal.models.encoder import Encoder, add_positions, output_layer
from epochal.models.inputs import check_heads, check_sizes, series_shape

_MOST_TOKENS = 64


class TCN(nn.Module):
    """[B, C, T] -> [B, outputs]: dilated causal convolutions, each block looking twice as far back.

    Bai et al. 2018, "An empirical evaluation of generic convolutional and recurrent networks for sequence
    modeling"; batch norm stands in the place of the paper's weight norm.

    width: channels of every block. levels: the number of blocks; None for as many as let the last step see
    the first. kernel: steps of each convolution. pooling: what the output layer reads: the last step, as in
    the paper, or the mean of all. dropout: probability, after each convolution.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        width: int = 32,
        levels: int | None = None,
        kernel: int = 3,
        pooling: Literal["last", "mean"] = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, steps = series_shape("tcn", input_shape)
        check_sizes("tcn", width=[width])
        if kernel < 2:  # it would see no other step, whatever the number of levels
            raise ConfigError(Problem(f"'kernel' of tcn can't be {kernel}", "model", "write 2 or more"))
        if levels is None:
            # n blocks of two convolutions see 1 + 2 (kernel - 1)(2^n - 1) steps
            levels = max(1, math.ceil(math.log2(1 + (steps - 1) / (2 * (kernel - 1)))))
        check_sizes("tcn", levels=[levels])
        self.pooling = pooling
        self.blocks = nn.Sequential(
            *(
                _CausalBlock(width if level else channels, width, kernel, 2**level, dropout)
                for level in range(levels)
            )
        )
        self.classifier = nn.Linear(width, outputs)

    def forward(self, series: Tensor) -> Tensor:
        """[B, C, T] -> [B, outputs]."""
        features = self.blocks(series)
        read = features[:, :, -1] if self.pooling == "last" else features.mean(dim=2)
        logits: Tensor = self.classifier(read)
        return logits


class _CausalBlock(nn.Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.behind = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(in_channels, out_channels, kernel, dilation=dilation, bias=False)
        self.norm1 = nn.BatchNorm1d(out_channels)
        self.conv2 = nn.Conv1d(out_channels, out_channels, kernel, dilation=dilation, bias=False)
        self.norm2 = nn.BatchNorm1d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = (
            nn.Conv1d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        )

    def forward(self, series: Tensor) -> Tensor:
        # padded before the first step only, so that no step sees a later one
        features = F.relu(self.norm1(self.conv1(F.pad(series, (self.behind, 0)))))
        features = F.pad(self.dropout(features), (self.behind, 0))
        features = self.dropout(F.relu(self.norm2(self.conv2(features))))
        return F.relu(features + self.shortcut(series))


class SeriesTransformer(nn.Module):
    """[B, C, T] -> [B, outputs]: patches of steps as the tokens of a Transformer's encoder, then their mean.

    Vaswani et al. 2017, "Attention is all you need"; patches as in Nie et al. 2023, "A time series is worth
    64 words", here of all channels at once.

    patch: steps in a token; None for the fewest that make at most 64 tokens. width: of a token. layers: the
    number of blocks. heads: of attention. dropout: probability.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        patch: int | None = None,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        channels, steps = series_shape("series_transformer", input_shape)
        check_heads("series_transformer", width, heads)
        patch = math.ceil(steps / _MOST_TOKENS) if patch is None else patch
        check_sizes("series_transformer", layers=[layers], patch=[patch])
        self.missing = -steps % patch  # steps of zeros that make the last patch whole
        self.tokens = nn.Conv1d(channels, width, patch, stride=patch)
        self.encoder = Encoder(width, layers, heads, 4 * width, dropout)
        self.norm = nn.LayerNorm(width)
        self.classifier = output_layer(width, outputs)

    def forward(self, series: Tensor) -> Tensor:
        """[B, C, T] -> [B, outputs]."""
        tokens = self.tokens(F.pad(series, (0, self.missing))).transpose(1, 2)
        logits: Tensor = self.classifier(self.norm(self.encoder(add_positions(tokens))).mean(dim=1))
        return logits
