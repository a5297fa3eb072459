"""torchvision from PyPI beside a CPU-only torch from elsewhere."""

from __future__ import annotations

from importlib.metadata import version

import torch

_LIBRARIES: list[torch.library.Library] = []  # a schema lives as long as its library


def describe_operators() -> None:
    """Describe to torch the compiled operators that such a torchvision can't load, so that it imports.

    Peers import torchvision in passing, and none of them needs the operators here. Nothing happens where
    torch and torchvision are of one kind.
    """
    if torch.version.cuda is None and "+" not in version("torchvision") and not _LIBRARIES:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
