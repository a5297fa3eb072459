"""The focal losses of Lin et al. 2017, "Focal loss for dense object detection"."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FocalLoss(nn.Module):
    """-alpha_t (1 - p_t)^gamma log p_t with p_t the softmax's probability of the target, averaged.

    gamma: how much less the well classified count; 0 gives cross-entropy. alpha: a factor for each class;
    or one number: with two classes the weight of the second against 1 - alpha for the first, as in the
    paper, and a factor on the whole loss with more. ignore_index: the class of targets that don't count.
    """

    alpha: Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | Tensor | None = None,
        ignore_index: int = -100,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.ignore_index = ignore_index
        self.register_buffer("alpha", None if alpha is None else torch.as_tensor(alpha, dtype=torch.float32))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Logits [B, K, ...] and class indices [B, ...] or probabilities [B, K, ...] -> a scalar."""
        classes = outputs.shape[1]
        log_probabilities = F.log_softmax(outputs, dim=1)
        if targets.is_floating_point():
            return -(targets * self._terms(log_probabilities, self._factors(classes, outputs))).sum(1).mean()
        counted = targets != self.ignore_index
        index = targets.masked_fill(~counted, 0).unsqueeze(1)
        log_p = log_probabilities.gather(1, index)
        factors = self._factors(classes, outputs)
        if factors is not None:
            factors = factors.expand_as(outputs).gather(1, index)
        terms = self._terms(log_p, factors).squeeze(1)
        return -(terms * counted).sum() / counted.sum()

    def _terms(self, log_p: Tensor, factors: Tensor | None) -> Tensor:
        terms = _modulate(-torch.expm1(log_p), self.gamma) * log_p
        return terms if factors is None else factors * terms

    def _factors(self, classes: int, outputs: Tensor) -> Tensor | None:
        """A factor for each class, shaped to stand beside the outputs: [K, 1, ...]."""
        if self.alpha is None:
            return None
        factors = self.alpha
        if factors.ndim == 0:
            first = 1 - factors if classes == 2 else factors
            factors = torch.stack([first, *[factors] * (classes - 1)])
        return factors.view(-1, *[1] * (outputs.ndim - 2))


class SigmoidFocalLoss(nn.Module):
    """The focal loss of independent yes-or-no outputs, each a logit, averaged over all of them.

    gamma: how much less the well classified count. alpha: the weight of the positives against 1 - alpha for
    the negatives, one number or one for each output; None for no weights.
    """

    alpha: Tensor | None

    def __init__(self, gamma: float = 2.0, alpha: float | Sequence[float] | Tensor | None = 0.25) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", None if alpha is None else torch.as_tensor(alpha, dtype=torch.float32))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Logits [B, L] and targets in [0, 1] of the same shape -> a scalar."""
        targets = targets.to(outputs.dtype)
        cross_entropy = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        p = torch.sigmoid(outputs)
        terms = _modulate(p + targets - 2 * p * targets, self.gamma) * cross_entropy  # 1 - p_t
        if self.alpha is not None:
            terms = (self.alpha * targets + (1 - self.alpha) * (1 - targets)) * terms
        return terms.mean()


def _modulate(doubt: Tensor, gamma: float) -> Tensor:
    """(1 - p_t)^gamma with a finite gradient where p_t is 1 and gamma less than 1."""
    return doubt.clamp(min=torch.finfo(doubt.dtype).tiny) ** gamma
