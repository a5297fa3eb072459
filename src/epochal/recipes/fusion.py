"""Is the digit in a picture greater than the number beside it? Neither input tells alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from epochal.data.sources.sklearn_data import digits


class GreaterDigit(torch.utils.data.Dataset[dict[str, Any]]):
    """1,797 handwritten digits of 8×8 pixels (scikit-learn), each with a number 0 to 8 drawn at random.

    Items are a dict of an image, columns with the number, and a target: whether the digit is greater. hidden:
    an input that says nothing, ``image`` or ``columns``: all of its values are those of another sample.
    """

    classes = ("no", "yes")

    def __init__(self, hidden: str | None = None, seed: int = 0) -> None:
        source = digits(target_kind="class")
        assert source.array is not None
        random = np.random.default_rng(seed)
        numbers = random.integers(0, 9, len(source.array))
        self.targets = (source.manifest.targets > numbers).astype(np.int64)
        other = random.permutation(len(numbers))
        self.images = source.array[other] if hidden == "image" else source.array
        self.numbers = (numbers[other] if hidden == "columns" else numbers).astype(np.float32)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """One picture, the number beside it, and 1 where the digit is greater."""
        return {
            "image": self.images[row],
            "columns": self.numbers[row : row + 1],
            "target": self.targets[row],
        }
