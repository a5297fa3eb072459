"""Pictures inside the page: as data, no larger than a screen shows them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]

_TILE = 72  # pixels of a sample's longer side
_PIXEL_ART = 40  # samples up to this side are enlarged by whole pixels, not blurred
_WIDEST = 1400
_HEAVIEST = 600_000  # bytes of one picture


@dataclass(frozen=True)
class Pictures:
    """Raw samples to show, each C×H×W, uint8 or float in [0, 1].

    classes: some of each class, label or, for values, of all. findings: of each finding of the checks, by
    its place. note: why there are none, where one would expect them.
    """

    classes: dict[str, list[Array]] = field(default_factory=dict)
    findings: dict[int, list[Array]] = field(default_factory=dict)
    note: str = ""


def embed_samples(samples: Sequence[Array]) -> list[dict[str, Any]]:
    """Each sample as a small picture: ``source`` (a data address) and ``crisp``."""
    return [_embed_sample(sample) for sample in samples]


def _embed_sample(sample: Array) -> dict[str, Any]:
    channels = sample[:3] if sample.shape[0] >= 3 else sample[[0, 0, 0]]
    if channels.dtype != np.uint8:
        channels = (np.nan_to_num(channels).clip(0, 1) * 255).round().astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0)))
    crisp = max(image.size) <= _PIXEL_ART
    if not crisp:
        image.thumbnail((2 * _TILE, 2 * _TILE))  # twice, for screens of high density
    return {"source": _address(image, "PNG" if crisp else "JPEG"), "crisp": crisp}


def embed_file(path: Path) -> dict[str, Any]:
    """A picture of the run folder: ``source``, ``width``, ``height``; a heavy one is shrunk."""
    with Image.open(path, formats=("PNG",)) as image:
        size = image.size
        if path.stat().st_size <= _HEAVIEST and image.width <= _WIDEST:
            return _picture("image/png", path.read_bytes(), size)
        small = image.convert("RGB")
    small.thumbnail((_WIDEST, 4 * _WIDEST))
    return {"source": _address(small, "JPEG"), "width": small.width, "height": small.height}


def _picture(kind: str, content: bytes, size: tuple[int, int]) -> dict[str, Any]:
    return {"source": _encoded(kind, content), "width": size[0], "height": size[1]}


def _address(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, quality=82)
    return _encoded(f"image/{kind.lower()}", buffer.getvalue())


def _encoded(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
