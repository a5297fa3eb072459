"""Tiny VGG, the network that CNN Explainer shows at work."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from epochal.models.inputs import check_sizes, image_shape


def tiny_vgg(input_shape: tuple[int, ...], outputs: int, width: int = 10) -> nn.Sequential:
    """[B, C, H, W] -> [B, outputs]; two blocks of convolution 3×3, ReLU, convolution 3×3, ReLU, max-pooling.

    Wang et al. 2020, "CNN Explainer: learning convolutional neural networks with interactive
    visualization". The convolutions are padded here, so that images of any size fit; a side that is down
    to one pixel is not pooled further. width: channels of every convolution.
    """
    channels, height, breadth = image_shape("tiny_vgg", input_shape)
    check_sizes("tiny_vgg", width=[width])
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block in ("block1", "block2"):
        kernel = (min(2, height), min(2, breadth))
        layers[block] = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel),
        )
        channels, height, breadth = width, height // kernel[0], breadth // kernel[1]
    layers["flatten"] = nn.Flatten()
    layers["classifier"] = nn.Linear(width * height * breadth, outputs)
    return nn.Sequential(layers)
