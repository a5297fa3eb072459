"""A folder of real image files in a given split, with faults of every kind planted in it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def photo(number: int, size: int = 48) -> Image.Image:
    """A smooth colourful picture, another for each number."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def plant_images(root: Path) -> dict[str, set[str]]:
    """Photos in root/{train,val,test}/{cat,dog}, and what is wrong: kind of finding -> file names."""
    number = 0
    for split, count in (("train", 12), ("val", 4), ("test", 4)):
        for label in ("cat", "dog"):
            (root / split / label).mkdir(parents=True)
            for index in range(count):
                number += 1
                photo(number).save(root / split / label / f"{index:03}.png")
    good = (root / "train" / "cat" / "005.png").read_bytes()
    (root / "train" / "cat" / "empty.png").write_bytes(b"")
    (root / "train" / "cat" / "cut.png").write_bytes(good[: len(good) // 2])
    (root / "test" / "dog" / "text.png").write_bytes(b"no image at all")
    jpeg = io.BytesIO()
    photo(901, 200).save(jpeg, "JPEG", quality=90)
    (root / "train" / "dog" / "cut.jpg").write_bytes(jpeg.getvalue()[:2000])
    Image.new("1", (10_000, 9_000)).save(root / "train" / "dog" / "bomb.png")
    photo(902).save(root / "train" / "cat" / "named.png", "JPEG")
    photo(903).convert("L").save(root / "train" / "cat" / "gray.png")
    photo(904).convert("RGBA").save(root / "train" / "cat" / "alpha.png")
    deep = (np.asarray(photo(905).convert("L")).astype(np.uint16) << 8) + 7
    Image.fromarray(deep).save(root / "train" / "cat" / "deep.png")
    photo(906).resize((400, 40)).save(root / "train" / "cat" / "long.png")
    (root / "test" / "cat" / "same.png").write_bytes(good)
    photo(6, 48).save(root / "val" / "cat" / "again.jpg", quality=80)  # train/cat/005 is photo 6
    photo(20).resize((31, 31), Image.Resampling.LANCZOS).save(root / "test" / "dog" / "small.png")
    photo(907).save(root / "train" / "dog" / "scan_of_rex.png")
    photo(908).save(root / "test" / "dog" / "scan_of_rex.png")
    return {
        "empty_file": {"train/cat/empty.png"},
        "truncated_file": {"train/cat/cut.png", "train/dog/cut.jpg"},
        "unreadable_file": {"test/dog/text.png"},
        "too_many_pixels": {"train/dog/bomb.png"},
        "same_file": {"train/cat/005.png"},
        "same_picture": {"val/cat/again.jpg", "train/dog/007.png"},
        "other_type": {"train/cat/named.png"},
        "other_pixels": {"train/cat/gray.png", "train/cat/alpha.png", "train/cat/deep.png"},
        "extreme_aspect": {"train/cat/long.png"},
        "same_filename": {"train/dog/scan_of_rex.png", "test/dog/scan_of_rex.png"},
    }
