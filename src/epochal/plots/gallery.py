"""Images with lines of text below them, side by side in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.plots.style import INK, MUTED

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

_SIDE, _GAP, _LINE = 150, 10, 17  # pixels
_COLUMNS = 6


@dataclass(frozen=True)
class Tile:
    """image: C×H×W, uint8 or float in [0, 1]. lines: of text below it, the first in dark ink."""

    image: Array
    lines: tuple[str, ...]


_TITLES = {
    "confidently_wrong": "confidently wrong",
    "least_certain": "least certain",
    "largest_error": "largest errors",
}


def draw_errors(table: pl.DataFrame, read: Callable[[int], Array], path: Path) -> None:
    """The samples of a table of errors, with their names, targets and predictions; nothing where it is empty.

    table: KIND, INDEX, FILENAME, FOLD where there are folds, TARGET..., PREDICTION..., and CONFIDENCE or
    ERROR, as text. read: the row
    number -> the image, C×H×W.
    """
    sections = []
    for (kind,), rows in table.group_by("KIND", maintain_order=True):
        tiles = [
            Tile(read(int(row["INDEX"])), (row["FILENAME"], *_words(row)))
            for row in rows.iter_rows(named=True)
        ]
        sections.append((_TITLES[str(kind)], tiles))
    if sections:
        save_gallery(sections, path)


def _words(row: dict[str, str]) -> tuple[str, ...]:
    """What is said below the file's name: target and prediction, and how sure it was or how wrong."""
    name = "CONFIDENCE" if "CONFIDENCE" in row else "ERROR"
    last = f"{name.lower()} {float(row[name]):.3g}" + (f", fold {row['FOLD']}" if "FOLD" in row else "")
    if "TARGET" not in row:  # several values, which no line has room for
        return (last,)
    return f"true: {row['TARGET'] or '–'}", f"predicted: {row['PREDICTION'] or '–'}", last


def save_gallery(
    sections: Sequence[tuple[str, Sequence[Tile]]],
    path: Path,
    legend: Sequence[tuple[str, tuple[int, ...]]] = (),
) -> None:
    """Write a PNG of titled sections of tiles, six in a row, making its folder.

    legend: what colours mean: names with red, green and blue, in lines above the sections.

    Pillow draws it: as many axes of matplotlib take seconds.
    """
    from PIL import Image, ImageDraw

    small, large = _fonts()
    lines = max(len(tile.lines) for _, tiles in sections for tile in tiles)
    step = _SIDE + lines * _LINE + 2 * _GAP
    heights = [3 * _LINE + -(-len(tiles) // _COLUMNS) * step for _, tiles in sections]
    top = _LINE + -(-len(legend) // _COLUMNS) * (_LINE + 4) if legend else 0
    sheet = Image.new("RGB", (_COLUMNS * (_SIDE + _GAP) + _GAP, top + sum(heights)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, color) in enumerate(legend):
        left, upper = _GAP + place % _COLUMNS * (_SIDE + _GAP), _LINE + place // _COLUMNS * (_LINE + 4)
        draw.rectangle((left, upper, left + 12, upper + 12), fill=color)
        draw.text((left + 18, upper - 1), _cut(name, small), INK, small)
    for (title, tiles), height in zip(sections, heights, strict=True):
        draw.text((_GAP, top + _LINE), title, INK, large)
        for place, tile in enumerate(tiles):
            left = _GAP + place % _COLUMNS * (_SIDE + _GAP)
            upper = top + 3 * _LINE + place // _COLUMNS * step
            image = _fitted(tile.image)
            sheet.paste(image, (left + (_SIDE - image.width) // 2, upper + (_SIDE - image.height) // 2))
            for number, text in enumerate(tile.lines):
                colour = INK if number == 0 else MUTED
                draw.text((left, upper + _SIDE + 3 + number * _LINE), _cut(text, small), colour, small)
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _fitted(image: Array) -> Image:
    """The image as large as a tile allows; few pixels stay sharp squares."""
    from PIL import Image

    channels = image[:3] if len(image) >= 3 else image[[0, 0, 0]]
    if channels.dtype != np.uint8:
        channels = (np.nan_to_num(channels).clip(0, 1) * 255).round().astype(np.uint8)
    pixels = Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0)))
    scale = _SIDE / max(pixels.size)
    size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
    return pixels.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)


def _fonts() -> tuple[FreeTypeFont, FreeTypeFont]:
    """The font of the plots, which knows most alphabets, small and large."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    fonts = Path(get_data_path(), "fonts", "ttf")
    return (
        ImageFont.truetype(fonts / "DejaVuSans.ttf", 11),
        ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", 13),
    )


def _cut(text: str, font: FreeTypeFont) -> str:
    """The text on one line no wider than a tile; a long one loses its beginning, where folders stand."""
    text = " ".join(text.split())
    if font.getlength(text) <= _SIDE:
        return text
    while text and font.getlength("…" + text) > _SIDE:
        text = text[1:]
    return "…" + text
