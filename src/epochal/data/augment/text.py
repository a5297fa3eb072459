"""Augmentation of texts."""

from __future__ import annotations

from dataclasses import replace

import torch

from epochal.data.batch import Batch
from epochal.data.draws import Draws


class TokenDropout:
    """Each token becomes the unknown one with a probability, so that no single word decides.

    Word dropout of Bowman et al. 2016, "Generating sentences from a continuous space". probability: of each
    token. unknown: the id that stands for tokens without one.
    """

    def __init__(self, probability: float = 0.1, unknown: int | None = 1) -> None:
        if not 0 <= probability < 1:
            raise ValueError("'probability' lies in [0, 1)")
        self.probability = probability
        self.unknown = 0 if unknown is None else unknown

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Ids [B, L] with some of them unknown; padding stays."""
        chosen = draws.uniform(0, count=batch.inputs.shape[1]) < self.probability
        inputs = torch.where(chosen & (batch.inputs != 0), self.unknown, batch.inputs)
        return replace(batch, inputs=inputs)
