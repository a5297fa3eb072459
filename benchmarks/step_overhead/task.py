"""What every contestant trains: a 20-32-2 network on vectors in memory, 32 at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.measure import report

BATCH_SIZE = 32
FEATURES, HIDDEN, CLASSES = 20, 32, 2
LEARNING_RATE = 1e-3
EPOCHS = 4
LENGTHS = (500, 2500)  # steps of an epoch


def net() -> nn.Sequential:
    """[B, 20] -> [B, 2]."""
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


def data(steps: int) -> tuple[Tensor, Tensor]:
    """Vectors float32 [N, 20] and classes int64 [N] for so many steps."""
    inputs = torch.randn(steps * BATCH_SIZE, FEATURES, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs[:, 0] > 0).long()


class Clock:
    """Seconds of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = time.perf_counter()

    def start(self) -> None:
        """An epoch begins."""
        self._started = time.perf_counter()

    def stop(self) -> None:
        """The epoch ends."""
        self.seconds.append(time.perf_counter() - self._started)


def measure(train: Callable[[int], list[float]]) -> None:
    """Report microseconds a step: what a longer epoch costs more than a shorter one, by the step.

    train: the number of steps of an epoch -> the seconds of each epoch; the first one is left out. What an
    epoch costs once (a validation, a checkpoint) is in both lengths and drops out.
    """
    short, long = (statistics.median(train(steps)[1:]) for steps in LENGTHS)
    report(microseconds=round((long - short) / (LENGTHS[1] - LENGTHS[0]) * 1e6, 1))
