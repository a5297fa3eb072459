"""What every contestant does: 64 images a batch, 224×224, ImageNet's normalisation, three epochs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import report

BATCH_SIZE = 64
SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPOCHS = 3
FOLDER = "PHOTOS"  # the environment variable with the folder that holds them


def photos() -> Path:
    """The folder of photos."""
    return Path(os.environ[FOLDER])


def measure(prepare: Callable[[], Callable[[int], Iterable[Any]]]) -> None:
    """Report images a second of the first epoch, with what ``prepare`` does, and of the later ones (median).

    prepare: opens the folder; returns the epoch's number -> its batches, each one (inputs, targets).
    """
    rates = []
    started = time.perf_counter()
    epoch_of = prepare()
    for epoch in range(EPOCHS):
        images = 0
        for inputs, targets in epoch_of(epoch):
            # as a network would: every value is there, as float32 of the right shape
            assert inputs.shape[1:] == (3, SIZE, SIZE), inputs.shape
            assert inputs.element_size() == 4, inputs.dtype
            assert len(targets) == len(inputs)
            images += len(inputs)
        now = time.perf_counter()
        rates.append(images / (now - started))
        started = now
    report(first=round(rates[0], 1), later=round(statistics.median(rates[1:]), 1), images=images)
