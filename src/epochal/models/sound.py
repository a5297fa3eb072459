"""Convolutional networks for sound: on the wave itself, and on its log-mel spectrogram."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from epochal.models.inputs import check_sizes, image_shape, series_shape


class WaveCNN(nn.Module):
    """Convolutions on waves: [B, C, T] -> [B, outputs].

    Dai et al. 2017, "Very deep convolutional neural networks for raw waveforms": a first convolution wide
    enough to act as a filter bank, then convolutions of 3 steps, each followed by batch norm, ReLU and
    max-pooling by 4; the mean over time. M5 of the paper has channels (128, 128, 256, 512). What is down to
    one step is not pooled further.

    channels: the width of each convolution. kernel, stride: of the first, in steps; 80 and 4 suit 8 kHz.
    dropout: probability, before the output layer.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        channels: list[int] | tuple[int, ...] = (32, 32, 64, 64),
        kernel: int = 80,
        stride: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width, steps = series_shape("wave_cnn", input_shape)
        check_sizes("wave_cnn", channels=channels, kernel=[kernel], stride=[stride])
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, next_width in enumerate(channels, start=1):
            size, step = (3, 1) if number > 1 else (kernel, stride)
            layers[f"conv{number}"] = nn.Conv1d(width, next_width, size, step, padding=size // 2, bias=False)
            layers[f"norm{number}"] = nn.BatchNorm1d(next_width)
            steps = (steps + 2 * (size // 2) - size) // step + 1
            # ReLU is monotonic, so it commutes with max-pooling; after it, it costs a quarter
            layers[f"pool{number}"] = nn.MaxPool1d(min(4, steps))
            layers[f"relu{number}"] = nn.ReLU()
            steps //= min(4, steps)
            width = next_width
        self.features = nn.Sequential(layers)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, outputs)

    def forward(self, waves: Tensor) -> Tensor:
        """[B, C, T] -> [B, outputs]."""
        logits: Tensor = self.classifier(self.dropout(self.features(waves).mean(dim=2)))
        return logits


class MelCNN(nn.Module):
    """Convolutions on log-mel spectrograms: [B, 1, bands, frames] -> [B, outputs].

    Kong et al. 2020, "PANNs: large-scale pretrained audio neural networks": blocks of two convolutions 3×3
    with batch norm and ReLU, averaged 2×2; then the mean over the bands, and the sum of the mean and of
    the greatest over time. A side that is down to one is not averaged further.

    channels: the width of each block. dropout: probability, before the output layer.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        channels: list[int] | tuple[int, ...] = (16, 32, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width, bands, frames = image_shape("mel_cnn", input_shape)
        check_sizes("mel_cnn", channels=channels)
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for number, next_width in enumerate(channels, start=1):
            kernel = (min(2, bands), min(2, frames))
            blocks[f"block{number}"] = nn.Sequential(
                nn.Conv2d(width, next_width, 3, padding=1, bias=False),
                nn.BatchNorm2d(next_width),
                nn.ReLU(),
                nn.Conv2d(next_width, next_width, 3, padding=1, bias=False),
                nn.BatchNorm2d(next_width),
                nn.ReLU(),
                nn.AvgPool2d(kernel),
            )
            width, bands, frames = next_width, bands // kernel[0], frames // kernel[1]
        self.features = nn.Sequential(blocks)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, outputs)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> [B, outputs]."""
        frames = self.features(spectrograms).mean(dim=2)
        pooled = torch.add(frames.mean(dim=2), frames.amax(dim=2))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits
