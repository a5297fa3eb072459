"""The residual network for small images (CIFAR) of He et al. 2015, "Deep residual learning", section 4.2."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from epochal.errors import ConfigError, Problem
from epochal.models.inputs import check_sizes, image_shape


class ResNet(nn.Module):
    """A residual network for small images: [B, C, H, W] -> [B, outputs].

    Depth 20 and width 16 are the paper's smallest, 0.27 million weights.

    depth: 6n + 2 layers with weights: one convolution, three stages of n blocks of two convolutions, one
    linear layer. width: channels of the first stage; they double, and the sides halve, with each stage.
    """

    def __init__(self, input_shape: tuple[int, ...], outputs: int, depth: int = 20, width: int = 16) -> None:
        super().__init__()
        channels = image_shape("resnet", input_shape)[0]
        check_sizes("resnet", width=[width])
        if depth < 8 or depth % 6 != 2:
            mend = "depth is 6n + 2: 8, 14, 20, 32, 44, 56, 110, ..."
            raise ConfigError(Problem(f"a resnet can't be {depth} layers deep", mend=mend))
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.stage1 = _stage(width, width, depth // 6, stride=1)
        self.stage2 = _stage(width, 2 * width, depth // 6, stride=2)
        self.stage3 = _stage(2 * width, 4 * width, depth // 6, stride=2)
        self.classifier = nn.Linear(4 * width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, outputs]."""
        features = F.relu(self.norm(self.conv(images)))
        features = self.stage3(self.stage2(self.stage1(features)))
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions and a shortcut without parameters (the paper's option A)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.added_channels = out_channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(features)))))
        if self.stride > 1:
            features = features[:, :, :: self.stride, :: self.stride]
        if self.added_channels:
            features = F.pad(features, (0, 0, 0, 0, 0, self.added_channels))
        return F.relu(residual + features)


def _stage(in_channels: int, out_channels: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Block(in_channels, out_channels, stride)
    return nn.Sequential(first, *(_Block(out_channels, out_channels, 1) for _ in range(blocks - 1)))
