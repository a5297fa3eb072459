"""The data that a page begins with, as ``<!-- given: PATH=KIND(...); PATH=KIND(...) -->`` asks for it.

data/skin=images(3x12x24)    a folder of 3 classes (cat, dog, owl; at most these), 12 PNGs of 24×24 in each
seven.png=image(24)          one PNG of 24×24
data/tumours=masks(12x24)    images/a00.png, ... of 24×24 and masks/a00.png, ... of 0 and 1
data/birds=sounds(12)        a folder of two classes (high, low), 12 wavs of 8 kHz in each
mails=text_files(12)         a folder of two classes (bad, good), 12 .txt files in each
data.npz=arrays(60x1x8x8)    x of that shape, y of three classes that x tells
labels.csv=labels(scans, image, diagnosis, patient)
                             a table of the files below a folder: the file, its class, a group of three
t.csv=table(60, age: number, sex: category, note: text, day: date, sick: yesno, id: row)
                             that many rows; each column tells something of the others, but for the row
gait.parquet=series(12x30, patient, second, x, y, diagnosis)
                             12 series of 30 steps: id, time, channels, and the class of a series
sales.csv=days(2x200, shop, day, sales, price)
                             2 series (at most 4) of 200 days: id, date, waves to forecast

A table is .csv, .parquet or .xlsx, by its name. All of it follows from fixed seeds.
"""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from PIL import Image
from shell import make_images

_ENTRY = re.compile(r"\s*([\w./~{}-]+)=(\w+)\(([^)]*)\)\s*")
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_WORDS = ("film", "plot", "actor", "scene", "story", "music", "ending", "camera", "dialogue", "hero")
_TELLING = {"good": ("fine", "great", "moving"), "bad": ("dull", "weak", "noisy")}


def give(folder: Path, home: Path, wanted: str) -> None:
    """Make what a page asks for in its working folder; ``~/`` is its home."""
    for entry in wanted.split(";"):
        found = _ENTRY.fullmatch(entry)
        assert found, f"'{entry.strip()}' is not PATH=KIND(ARGUMENTS); the kinds: {', '.join(KINDS)}"
        written, kind, arguments = found.groups()
        assert kind in KINDS, f"'{kind}' is no kind; the kinds: {', '.join(KINDS)}"
        path = home / written[2:] if written.startswith("~/") else folder / written
        path.parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](path, *[each.strip() for each in arguments.split(",") if each.strip()])


def images(path: Path, shape: str) -> None:
    """Noisy pictures in a folder a class; what was there goes."""
    classes, count, size = map(int, shape.split("x"))
    shutil.rmtree(path, ignore_errors=True)
    make_images(path, count, size)
    for folder in sorted(path.iterdir())[classes:]:
        shutil.rmtree(folder)


def image(path: Path, size: str) -> None:
    """One noisy picture."""
    pixels = np.random.default_rng(7).integers(0, 255, (int(size), int(size), 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def masks(path: Path, shape: str) -> None:
    """Bright squares on dark ground, and where they are."""
    count, size = map(int, shape.split("x"))
    draws = np.random.default_rng(3)
    for name in ("images", "masks"):
        (path / name).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((size, size), np.uint8)
        top, left = draws.integers(0, size // 2, 2)
        mask[top : top + size // 2, left : left + size // 2] = 1
        grey = np.clip(draws.normal(60 + 120 * mask, 25), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(path / "images" / f"a{number:02}.png")
        Image.fromarray(mask).save(path / "masks" / f"a{number:02}.png")


def sounds(path: Path, count: str) -> None:
    """High and low tones with noise, of a fifth to half a second."""
    draws = np.random.default_rng(5)
    for label, middle in (("high", 1500), ("low", 400)):
        (path / label).mkdir(parents=True)
        for number in range(int(count)):
            steps = np.arange(round(draws.uniform(0.2, 0.5) * 8000)) / 8000
            wave = 0.3 * np.sin(2 * np.pi * middle * draws.uniform(0.8, 1.2) * steps)
            soundfile.write(path / label / f"{number:02}.wav", wave + draws.normal(0, 0.01, len(steps)), 8000)


def text_files(path: Path, count: str) -> None:
    """Sentences that a word gives away."""
    draws = np.random.default_rng(6)
    for label in _TELLING:
        (path / label).mkdir(parents=True)
        for number in range(int(count)):
            (path / label / f"{number:02}.txt").write_text(_sentence(draws, label) + "\n")


def labels(path: Path, root: str, file: str, target: str, group: str = "group") -> None:
    """A table of the files below a folder beside it, of a class a folder."""
    base = path.parent / root
    files = sorted(each.relative_to(base).as_posix() for each in base.rglob("*") if each.is_file())
    columns = {file: files, target: [each.partition("/")[0] for each in files]}
    _write(path, pl.DataFrame({**columns, group: [f"p{number // 3:02}" for number in range(len(files))]}))


def table(path: Path, rows: str, *columns: str) -> None:
    """Columns of the kinds named; all follow a hidden number of each row, so each tells of the others."""
    count, draws = int(rows), np.random.default_rng(8)
    hidden, first = draws.normal(size=count), datetime.date(2024, 1, 1)
    kinds: dict[str, Callable[[Array], object]] = {
        "number": lambda values: (50 + 10 * values).round(2),
        "category": lambda values: [("north", "south", "west")[k] for k in np.digitize(values, [-0.5, 0.5])],
        "yesno": lambda values: [("no", "yes")[int(each > 0)] for each in values],
        "text": lambda values: [_sentence(draws, "good" if each > 0 else "bad") for each in values],
        "date": lambda values: [first + datetime.timedelta(int(100 + 30 * each)) for each in values],
        "row": lambda values: np.arange(len(values)),
    }
    data: dict[str, object] = {}
    for column in columns:
        name, _, kind = map(str.strip, column.partition(":"))
        assert kind in kinds, f"'{kind}' is no kind of column; the kinds: {', '.join(kinds)}"
        data[name] = kinds[kind](hidden + draws.normal(0, 0.5, count))
    _write(path, pl.DataFrame(data))


def series(path: Path, shape: str, id: str, time: str, *columns: str) -> None:  # noqa: A002 (the option's name)
    """Waves, faster or slower; the last column is the class of the whole series."""
    count, steps = map(int, shape.split("x"))
    *channels, target = columns
    draws = np.random.default_rng(9)
    frames = []
    for number in range(count):
        kind, moments = number % 2, np.arange(steps)
        waves = {
            each: np.sin(moments * (0.3 + 0.5 * kind) + shift) + draws.normal(0, 0.2, steps)
            for shift, each in enumerate(channels)
        }
        frames.append(
            pl.DataFrame(
                {
                    id: [f"p{number:02}"] * steps,
                    time: moments,
                    **waves,
                    target: [("ill", "well")[kind]] * steps,
                }
            )
        )
    _write(path, pl.concat(frames))


def days(path: Path, shape: str, id: str, time: str, *channels: str) -> None:  # noqa: A002
    """A week's rhythm with noise, day by day; two numbers a channel."""
    count, steps = map(int, shape.split("x"))
    draws = np.random.default_rng(10)
    dates = [datetime.date(2024, 1, 1) + datetime.timedelta(day) for day in range(steps)]
    frames = []
    for number in range(count):
        values = {
            each: (
                100 + 30 * np.sin(2 * np.pi * np.arange(steps) / 7 + shift) + draws.normal(0, 5, steps)
            ).round(1)
            for shift, each in enumerate(channels)
        }
        frames.append(pl.DataFrame({id: ["north", "south", "west", "east"][number], time: dates, **values}))
    _write(path, pl.concat(frames))


def arrays(path: Path, shape: str) -> None:
    """``x`` of a shape and ``y``, its class."""
    sizes = tuple(map(int, shape.split("x")))
    kinds = np.arange(sizes[0]) % 3
    middles = kinds.reshape(-1, *[1] * (len(sizes) - 1))
    np.savez(path, x=np.random.default_rng(1).normal(middles, 0.5, sizes).astype(np.float32), y=kinds)


KINDS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (images, image, masks, sounds, text_files, labels, table, series, days, arrays)
}


def _sentence(draws: np.random.Generator, label: str) -> str:
    words = [*draws.choice(_WORDS, 5), str(draws.choice(_TELLING[label]))]
    return f"A {words[-1]} {' '.join(words[:-1])} {int(draws.integers(1000))}."


def _write(path: Path, frame: pl.DataFrame) -> None:
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_excel(path)
