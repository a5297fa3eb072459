"""Mixing each sample with the next one of its batch, targets included."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from epochal.data.augment.corruption import rectangle
from epochal.data.augment.ranges import check_positive
from epochal.data.batch import Batch
from epochal.data.cores import is_large, on_cores
from epochal.data.draws import Draws


@dataclass(frozen=True)
class Mixup:
    """Blends inputs and targets (Zhang et al. 2018, "mixup: beyond empirical risk minimization").

    alpha: of the Beta(alpha, alpha) distribution of a sample's own share. classes: their number where
    targets are class indices, which become probabilities; filled in by epochal. For inputs of any shape.
    """

    alpha: float = 0.2
    classes: int | None = None

    def __post_init__(self) -> None:
        check_positive("mixup", "alpha", self.alpha)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch of blends, with mixed targets."""
        share = symmetric_beta(draws, 0, self.alpha)
        _blend_(batch.inputs, share.view(-1, *[1] * (batch.inputs.ndim - 1)))
        return replace(batch, targets=mix_targets(batch.targets, share, self.classes))


@dataclass(frozen=True)
class Cutmix:
    """Pastes a rectangle of the next sample (Yun et al. 2019, "CutMix").

    alpha, classes: as of mixup; a sample's share is what is left of its area, counted in whole pixels.
    """

    alpha: float = 1.0
    classes: int | None = None
    takes_bytes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("cutmix", "alpha", self.alpha)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch of collages, with mixed targets."""
        height, width = batch.inputs.shape[2:]
        side = torch.sqrt(1 - symmetric_beta(draws, 0, self.alpha))
        y, x = draws.uniform(1, count=2).unbind(1)
        top = (y * height - side * height / 2).round_().clamp_(0, height)
        bottom = (y * height + side * height / 2).round_().clamp_(0, height)
        left = (x * width - side * width / 2).round_().clamp_(0, width)
        right = (x * width + side * width / 2).round_().clamp_(0, width)
        edges = torch.stack([top, bottom, left, right], dim=1)
        if is_large(batch.inputs):
            _paste_(batch.inputs, edges.int().tolist())
        else:
            pasted = rectangle(edges, height, width, batch.inputs.dtype)
            following = batch.inputs.roll(-1, 0).mul_(pasted)
            batch.inputs.mul_(1 - pasted).add_(following)
        share = 1 - (bottom - top) * (right - left) / (height * width)
        return replace(batch, targets=mix_targets(batch.targets, share, self.classes))


def _blend_(inputs: Tensor, share: Tensor) -> None:
    """Each sample's share of its own and the rest of the next one, in place; share: [B, 1...]."""
    if not is_large(inputs):
        inputs.copy_(torch.lerp(inputs.roll(-1, 0), inputs, share))
        return
    samples, others = inputs.unbind(), (1 - share).flatten().tolist()
    following = (*samples[1:], samples[0].clone())  # which by its turn has been blended
    along = max(0, samples[0].ndim - 2)

    def blend(part: range) -> None:
        band = (
            along,
            part.start,
            len(part),
        )  # the same pixels of all samples: what is read next is not yet changed
        for sample, source, other in zip(samples, following, others, strict=True):
            sample.narrow(*band).lerp_(source.narrow(*band), other)

    on_cores(samples[0].shape[along], blend)


def _paste_(inputs: Tensor, edges: list[list[int]]) -> None:
    """Pastes a rectangle of each next sample, in place: top, bottom, left and right of each."""
    samples = inputs.unbind()
    following = (*samples[1:], samples[0].clone())  # which by its turn has been pasted into

    def paste(part: range) -> None:  # of the same rows of all samples: what is read next is not yet changed
        for sample, source, (top, bottom, left, right) in zip(samples, following, edges, strict=True):
            first, last = max(top, part.start), min(bottom, part.stop)
            if first < last and left < right:
                sample[:, first:last, left:right] = source[:, first:last, left:right]

    on_cores(inputs.shape[2], paste, light=True)


def symmetric_beta(draws: Draws, draw: int, alpha: float) -> Tensor:
    """Beta(alpha, alpha), float32 [B], exactly and without rejection, for any alpha > 0.

    With T of Student's distribution of 2·alpha degrees of freedom, 1/2 + T / (2·sqrt(2·alpha + T²)) is
    symmetric beta; T comes from two uniform numbers by Bailey's polar method (1994). See Devroye 1996,
    "Random variate generation in one line of code".
    """
    first, second = draws.uniform(draw, count=2).unbind(1)
    cosine = torch.cos(2 * math.pi * second)
    # T² / (2·alpha); the first number is turned to lie in (0, 1], and where the power overflows, the
    # result is 0 or 1, as it is in the limit
    squared = torch.expm1(-torch.log1p(-first) / alpha) * cosine.square()
    return 0.5 + 0.5 * torch.sign(cosine) * torch.rsqrt(1 + 1 / squared)


def mix_targets(targets: Tensor, share: Tensor, classes: int | None) -> Tensor:
    """Each target's share of its own and the rest of the next one in the batch, float32.

    targets: class indices [B], which become probabilities [B, classes], or float32 [B, ...].
    share: float32 [B].
    """
    if classes is not None and targets.ndim == 1:
        targets = (targets[:, None] == torch.arange(classes, device=targets.device)).to(share.dtype)
    return torch.lerp(targets.roll(-1, 0), targets, share.view(-1, *[1] * (targets.ndim - 1)))
