"""The Dice loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DiceLoss(nn.Module):
    """1 - (2·Σ p·t + smooth) / (Σ p + Σ t + smooth), the mean over the classes of an image, then over images.

    p is the softmax's probability of a class, t whether a pixel is of it; pixels that are left out count in
    neither sum, and classes that an image does not have are left out of its mean. Milletari, Navab & Ahmadi
    2016, "V-Net", with sums that are not squared, as in Sudre et al. 2017.

    smooth: pixels added to both, so that a class of few pixels has a smooth loss. background: whether the
    first class counts. ignore_index: the class of pixels that are left out.
    """

    def __init__(self, smooth: float = 1.0, background: bool = True, ignore_index: int = -100) -> None:
        super().__init__()
        self.smooth = smooth
        self.first = 0 if background else 1
        self.ignore_index = ignore_index

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Logits [B, K, ...] and class indices [B, ...] -> a scalar."""
        labelled = (targets != self.ignore_index).unsqueeze(1)
        probabilities = torch.softmax(outputs, dim=1) * labelled
        classes = F.one_hot(targets.masked_fill(~labelled.squeeze(1), 0), outputs.shape[1])
        truth = classes.movedim(-1, 1) * labelled
        both, predicted, true = (
            each.reshape(*outputs.shape[:2], -1).sum(dim=2)[:, self.first :]
            for each in (probabilities * truth, probabilities, truth)
        )
        losses = 1 - (2 * both + self.smooth) / (predicted + true + self.smooth)
        there = true > 0
        of_images = (losses * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
        has_any = there.any(dim=1)
        return (of_images * has_any).sum() / has_any.sum().clamp(min=1)
