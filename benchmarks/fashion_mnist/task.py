"""What every contestant trains: the same files, network, batch size and optimiser."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import report

ROOT = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
MEAN, STD = 0.2860, 0.3530
EPOCHS = int(os.environ.get("BENCHMARK_EPOCHS", "3"))


class Net(nn.Module):
    """Two convolutions and two dense layers, as tutorials have it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, 10] of images [B, 1, 28, 28]."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def load(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 28, 28] and labels int64 [N] of ``train`` (60,000) or ``t10k`` (10,000)."""
    with gzip.open(ROOT / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28).copy()
    with gzip.open(ROOT / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    return images, labels


class Clock:
    """Seconds of each epoch, training and validation together."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = time.perf_counter()

    def start(self) -> None:
        """The first epoch begins now."""
        self._started = time.perf_counter()

    def epoch(self) -> None:
        """An epoch ends, the next one begins."""
        now = time.perf_counter()
        self.seconds.append(round(now - self._started, 4))
        self._started = now

    def report(self, accuracy: float) -> None:
        """What ``benchmarks.measure`` reads; accuracy: of the last validation."""
        assert len(self.seconds) == EPOCHS, self.seconds
        report(seconds=self.seconds, accuracy=round(float(accuracy), 4))


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of right answers, in evaluation mode; images are normalised already."""
    model.eval()
    with torch.inference_mode():
        parts = zip(images.split(512), labels.split(512), strict=True)
        right = sum(int((model(part).argmax(1) == truth).sum()) for part, truth in parts)
    model.train()
    return right / len(labels)
