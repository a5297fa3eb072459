"""What the values of a mask mean: from numbers or colours to the class of each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epochal.data.manifest import Array
from epochal.errors import ConfigError, DataError, Problem

IGNORED = 255
"""The class of pixels that count neither in the loss nor in a score."""

MOST_CLASSES = 255
_SHOWN = 5
_PETROFF = (
    (63, 144, 218),
    (255, 169, 14),
    (189, 31, 1),
    (131, 45, 182),
    (146, 218, 221),
    (231, 99, 0),
    (185, 172, 112),
    (169, 107, 89),
    (113, 117, 129),
    (148, 164, 162),
)

Classes = Sequence[str] | Mapping[str, int]
Color = tuple[int, int, int] | list[int]


@dataclass(frozen=True)
class Coding:
    """The values that stand for classes.

    names: of the K classes. values: what stands for each in a mask; colours as red·65536 + green·256 + blue.
    ignored: the value of pixels that are left out, or None. colored: whether values are colours.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    ignored: int | None
    colored: bool = False

    @property
    def palette(self) -> Array:
        """A colour for each class, uint8 [256, 3]: that of the masks themselves where they are coloured."""
        colors: dict[str, Color] = {
            name: [value >> 16, value >> 8 & 255, value & 255]
            for name, value in zip(self.names, self.values, strict=True)
        }
        return palette(self.names, colors if self.colored else None)

    def classes_of(self, mask: Array) -> Array:
        """Values [H, W] as classes, uint8 [H, W]; DataError naming the values that are none."""
        known = [*self.values, *([] if self.ignored is None else [self.ignored])]
        classes = [*range(len(self.values)), *([] if self.ignored is None else [IGNORED])]
        order = np.argsort(known, kind="stable")
        places = np.searchsorted(known, mask, sorter=order).clip(max=len(known) - 1)
        found = order[places]
        wrong = np.asarray(known)[found] != mask
        if wrong.any():
            raise DataError(self._unknown(np.unique(mask[wrong]).tolist()))
        result: Array = np.asarray(classes, np.uint8)[found]
        return result

    def _unknown(self, values: Sequence[int]) -> Problem:
        shown = ", ".join(self._word(value) for value in values[:_SHOWN]) + (
            ", ..." if values[_SHOWN:] else ""
        )
        noun = "colour" if self.colored else "value"
        there = ", ".join(
            f"{self._word(value)} {name}"
            for name, value in list(zip(self.names, self.values, strict=True))[:8]
        )
        mend = f"the classes are {there}" + (", ..." if len(self.names) > 8 else "")
        if self.ignored is not None:
            mend += f"; {self._word(self.ignored)} is left out"
        stand = f"{noun}s {shown} stand" if len(values) > 1 else f"{noun} {shown} stands"
        return Problem(f"its {stand} for no class", mend=mend)

    def _word(self, value: int) -> str:
        return str([value >> 16, value >> 8 & 255, value & 255]) if self.colored else str(value)


def given_coding(
    classes: Classes | None, colors: Mapping[str, Color] | None, ignored: int | Color | None
) -> Coding | None:
    """What a source was told about its masks; None where nothing says what their values mean.

    classes: names in the order of the values 0, 1, ..., or names with their values. colors: names with red,
    green and blue. ignored: a value, or of colours one of them; 255 where ``classes`` are told and this not.
    """
    where = "data.source"
    if classes is not None and colors is not None:
        raise ConfigError(Problem("masks have classes or colors, not both", where, "leave one of them out"))
    if colors is not None:
        names, values = tuple(colors), tuple(_packed(name, color) for name, color in colors.items())
        if isinstance(ignored, int):
            mend = "write a colour, such as ignore_index: [0, 0, 0]"
            raise ConfigError(Problem("the masks are coloured", f"{where}.ignore_index", mend))
        return _checked(
            Coding(names, values, None if ignored is None else _packed("it", ignored), colored=True)
        )
    if isinstance(ignored, list | tuple):
        raise ConfigError(Problem("ignore_index is a number", f"{where}.ignore_index", "or give 'colors'"))
    if classes is None:
        return None
    if isinstance(classes, Mapping):
        names, values = tuple(classes), tuple(classes.values())
    else:
        names, values = tuple(classes), tuple(range(len(classes)))
    return _checked(Coding(names, values, 255 if ignored is None and 255 not in values else ignored))


def _checked(coding: Coding) -> Coding:
    where = "data.source"
    count = len(coding.names)
    if not 2 <= count <= MOST_CLASSES or len(set(coding.names)) < count:
        what = f"masks can't have these {count} classes"
        raise ConfigError(Problem(what, where, f"name 2 to {MOST_CLASSES} classes, each once"))
    meanings = [*coding.names, "what is left out"]
    by_value: dict[int | None, list[str]] = {}
    for value, name in zip((*coding.values, coding.ignored), meanings, strict=True):
        by_value.setdefault(value, []).append(name)
    if twice := [" and ".join(names) for names in by_value.values() if len(names) > 1]:
        what = f"{', '.join(twice)} have one value in the masks"
        raise ConfigError(Problem(what, where, "give each a value of its own"))
    return coding


def _packed(name: str, color: Color) -> int:
    if len(color) != 3 or not all(isinstance(part, int) and 0 <= part <= 255 for part in color):
        mend = "write red, green and blue from 0 to 255"
        raise ConfigError(Problem(f"the colour of {name} can't be {list(color)}", "data.source.colors", mend))
    red, green, blue = color
    return red << 16 | green << 8 | blue


def settled(coding: Coding | None, values: Iterable[int], ignored: int | None) -> Coding:
    """The coding of masks in which these values occur.

    0 and 255 alone, or 0 and 1, are background and foreground where nothing is told; otherwise each value is
    a class of its own. Of two classes by name, masks of 0 and 255 alone mean the second by 255.
    """
    found = sorted(set(values))
    binary = found in ([0, 255], [255]) and ignored is None
    if coding is not None:
        plain = coding.values == (0, 1) and not coding.colored
        return Coding(coding.names, (0, 255), None) if plain and binary else coding
    kept = [value for value in found if value != ignored]
    if kept in ([0, 255], [0, 1]):
        return Coding(("background", "foreground"), tuple(kept), ignored)
    if len(kept) < 2 or len(kept) > MOST_CLASSES:
        what = f"the masks hold {len(kept)} values"
        mend = "name the classes: classes: [background, tumour], or colors: {road: [128, 64, 128], ...}"
        raise DataError(Problem(what, "data.source", mend))
    return Coding(tuple(map(str, kept)), tuple(kept), ignored)


def palette(names: Sequence[str], colors: Mapping[str, Color] | None = None) -> Array:
    """A colour for each value of a mask of classes, uint8 [256, 3]: the data's own where it has them.

    Else the first class is black, the ten after it have the colours of Petroff, "Accessible color sequences
    for data visualization", arXiv 2107.02270, and the others those of PASCAL VOC, the reversed bits of the
    class; what is left out is white.
    """
    table = np.zeros((256, 3), np.uint8)
    for index in range(256):
        for bit in range(8):
            table[index] |= np.array(
                [(index >> 3 * bit + channel & 1) << 7 - bit for channel in range(3)], np.uint8
            )
    table[1 : len(_PETROFF) + 1] = _PETROFF
    table[IGNORED] = 255
    for index, name in enumerate(names):
        if colors and name in colors:
            table[index] = colors[name]
    return table
