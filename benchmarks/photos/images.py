"""Photo-like JPEG files, the same ones each time: soft colours, texture and edges, 500×375 at quality 85."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 10
WIDTH, HEIGHT = 500, 375
QUALITY = 85


def write_photos(root: Path, count: int) -> list[Path]:
    """``count`` files in subfolders of ``root``, one a class; every fifth stands upright (375×500)."""
    for label in range(CLASSES):
        (root / f"class_{label}").mkdir(parents=True)
    paths = [root / f"class_{number % CLASSES}" / f"{number:06}.jpg" for number in range(count)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_write, paths, range(count)))
    return sorted(paths)


def _write(path: Path, number: int) -> None:
    random = np.random.default_rng(number)
    size = (HEIGHT, WIDTH) if number % 5 else (WIDTH, HEIGHT)
    # a photo's spectrum falls with the frequency: coarse fields weigh more than fine ones
    photo = np.zeros((*size, 3), np.float32)
    for cells, weight in ((4, 60.0), (12, 34.0), (40, 20.0), (120, 14.0)):
        photo += weight * _field(random, cells, size)
    for _ in range(12):  # objects: ellipses with hard edges and a colour of their own
        photo[_ellipse(random, size)] += random.normal(0, 40, 3)
    photo += random.normal(0, 7, (*size, 1))  # the sensor's noise
    pixels = (photo + 128).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=QUALITY)


def _field(random: np.random.Generator, cells: int, size: tuple[int, int]) -> np.ndarray:
    """Noise of ``cells`` cells a side, blown up smoothly: [height, width, 3], mostly gray as photos are."""
    gray, colour = random.normal(0, 1, (cells, cells, 1)), random.normal(0, 0.4, (cells, cells, 3))
    coarse = (gray + colour).astype(np.float32)
    channels = [Image.fromarray(coarse[:, :, channel]) for channel in range(3)]
    large = [channel.resize(size[::-1], Image.Resampling.BICUBIC) for channel in channels]
    return np.stack([np.asarray(channel) for channel in large], axis=2)


def _ellipse(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Which pixels lie in a random ellipse: bool [height, width]."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    y, x = random.uniform(0, 1, 2) * size
    height, width = random.uniform(0.05, 0.3, 2) * size
    inside: np.ndarray = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < 1
    return inside
