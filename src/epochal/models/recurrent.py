"""Recurrent networks: LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al. 2014), one way or both."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from epochal.models.inputs import check_sizes, image_shape, series_shape

Kind = Literal["lstm", "gru"]
Pooling = Literal["last", "mean", "max"]

_CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """[B, T, features] -> [B, ``width``]: recurrent layers, and one vector of all steps.

    Both ways (Schuster & Paliwal 1997, "Bidirectional recurrent neural networks"), each row is read backward
    from its own last real step, so that padding changes nothing and no row's length has to leave the device.

    hidden: the width of each way. pooling: what a way gives of its steps: its last state, or their mean or
        greatest. dropout: probability, before each layer but the first.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        layers: int,
        kind: Kind,
        bidirectional: bool,
        pooling: Pooling,
        dropout: float,
    ) -> None:
        super().__init__()
        ways = 2 if bidirectional else 1
        self.width = ways * hidden
        self.pooling = pooling
        self.layers = nn.ModuleList(
            nn.ModuleList(
                _CELLS[kind](self.width if layer else features, hidden, batch_first=True) for _ in range(ways)
            )
            for layer in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, real: Tensor | None = None) -> Tensor:
        """Read [B, T, features], of which those are padding at a row's end where ``real`` [B, T] is false."""
        length, places = _lengths(steps, real)
        backward = (length - 1 - places).clamp(min=0)  # where a row's steps, read backward, stand
        ways: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            if number:
                steps = self.dropout(torch.cat(ways, dim=2))
            assert isinstance(layer, nn.ModuleList)
            ways = [layer[0](steps)[0]]
            if len(layer) == 2:
                ways.append(_reorder(layer[1](_reorder(steps, backward))[0], backward))
        if self.pooling == "last":
            last = (length - 1).clamp(min=0).expand(len(steps), 1)
            return torch.cat([_reorder(ways[0], last)[:, 0], *(way[:, 0] for way in ways[1:])], dim=1)
        return pool(torch.cat(ways, dim=2), real, self.pooling)


class RNN(nn.Module):
    """An LSTM or GRU reads series: [B, C, T] -> [B, outputs].

    kind: which of them. hidden: the width of each way. bidirectional: both ways, or forwards only.
    layers: how many stand on each other. pooling: what the output layer reads: the last state of each way, or
    the mean or greatest of all steps. dropout: probability.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        kind: Kind = "lstm",
        hidden: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: Pooling = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, _ = series_shape("rnn", input_shape)
        check_sizes("rnn", hidden=[hidden], layers=[layers])
        self.recurrent = Recurrent(channels, hidden, layers, kind, bidirectional, pooling, dropout)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.recurrent.width, outputs)

    def forward(self, series: Tensor) -> Tensor:
        """[B, C, T] -> [B, outputs]."""
        logits: Tensor = self.classifier(self.dropout(self.recurrent(series.transpose(1, 2))))
        return logits


class MelGRU(nn.Module):
    """Log-mel spectrograms [B, 1, bands, frames] -> [B, outputs]: a GRU reads the frames, both ways.

    hidden: the width of each way. layers: how many stand on each other. pooling: what the output layer
    reads of all frames. dropout: probability.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        hidden: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: Pooling = "mean",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, bands, _ = image_shape("mel_gru", input_shape)
        check_sizes("mel_gru", hidden=[hidden], layers=[layers])
        self.recurrent = Recurrent(channels * bands, hidden, layers, "gru", bidirectional, pooling, dropout)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.recurrent.width, outputs)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> [B, outputs]."""
        frames = spectrograms.flatten(1, 2).transpose(1, 2)
        logits: Tensor = self.classifier(self.dropout(self.recurrent(frames)))
        return logits


def pool(steps: Tensor, real: Tensor | None, how: Literal["mean", "max"] = "mean") -> Tensor:
    """[B, T, width] -> [B, width] over the real steps; a row that has none gives zeros."""
    if real is None:
        return steps.mean(dim=1) if how == "mean" else steps.amax(dim=1)
    kept = real.unsqueeze(2)
    if how == "mean":
        return (steps * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
    greatest = steps.masked_fill(~kept, torch.finfo(steps.dtype).min).amax(dim=1)
    return greatest.masked_fill(~kept.any(dim=1), 0.0)


def _lengths(steps: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
    """Each row's number of real steps, [B, 1] (or [1, 1] where all are real), and every place, [1, T]."""
    places = torch.arange(steps.shape[1], device=steps.device).unsqueeze(0)
    if real is None:
        return places[:, -1:] + 1, places
    return real.sum(dim=1, keepdim=True), places


def _reorder(steps: Tensor, places: Tensor) -> Tensor:
    """The steps [B, T, width] in the order of ``places``, [B or 1, n]."""
    return steps.gather(1, places.expand(len(steps), -1).unsqueeze(2).expand(-1, -1, steps.shape[2]))
