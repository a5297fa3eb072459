"""The U-Net of Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation"."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from epochal.models.inputs import check_sizes, image_shape


class UNet(nn.Module):
    """U-Net: images [B, C, H, W] of any size -> logits [B, outputs, H, W].

    The paper's has 64 channels and depth 4. Here convolutions are padded and batch-normalised, and an image
    whose sides 2^depth does not divide is padded with zeros on the way in and cut on the way out.

    channels: the width of the first level; it doubles with each level. depth: how often the sides are
    halved. dropout: probability, at the deepest level.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        channels: int = 16,
        depth: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = image_shape("unet", input_shape)[0]
        check_sizes("unet", channels=[channels], depth=[depth])
        widths = [channels * 2**level for level in range(depth + 1)]
        self.multiple = 2**depth
        self.down = nn.ModuleList(
            _convolutions(before, after)
            for before, after in zip([width, *widths[:-2]], widths[:-1], strict=True)
        )
        self.bottom = _convolutions(widths[-2], widths[-1])
        self.dropout = nn.Dropout(dropout)
        upward = list(reversed(widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 2, stride=2) for before, after in itertools.pairwise(upward)
        )
        self.merge = nn.ModuleList(_convolutions(2 * after, after) for after in upward[1:])
        self.classifier = nn.Conv2d(channels, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, outputs, H, W]."""
        features = pad_to_multiple(images, self.multiple)
        skipped = []
        for convolutions in self.down:
            features = convolutions(features)
            skipped.append(features)
            features = F.max_pool2d(features, 2)
        features = self.dropout(self.bottom(features))
        for up, merge, skip in zip(self.up, self.merge, reversed(skipped), strict=True):
            features = merge(torch.cat([skip, up(features)], dim=1))
        return cut_to_size(self.classifier(features), images)


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """The images [B, C, H, W] with zeros evenly around them, so that ``multiple`` divides the sides."""
    missing_rows, missing_columns = -images.shape[2] % multiple, -images.shape[3] % multiple
    if not missing_rows and not missing_columns:
        return images
    left, top = missing_columns // 2, missing_rows // 2
    return F.pad(images, (left, missing_columns - left, top, missing_rows - top))


def cut_to_size(padded: Tensor, images: Tensor) -> Tensor:
    """The part of [B, K, H', W'] that stands over the images [B, C, H, W] before ``pad_to_multiple``."""
    height, width = images.shape[2:]
    top, left = (padded.shape[2] - height) // 2, (padded.shape[3] - width) // 2
    return padded[:, :, top : top + height, left : left + width]


def _convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
