"""A look at data of the user's: what it is, and how a config reads it."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epochal.data.column_types import infer, parse
from epochal.data.images import image_size, is_image, visible_files
from epochal.data.problems import missing_path
from epochal.data.sources.files import SOUNDS
from epochal.data.tables import SPLIT_WORDS, TABLE_SUFFIXES, read_table
from epochal.errors import DataError, Problem, RequestError
from epochal.scaffold.kinds import KINDS

_TARGETS = (
    "target",
    "label",
    "class",
    "y",
    "category",
    "diagnosis",
    "outcome",
    "species",
    "survived",
    "price",
)
_IDS = ("id", "series", "series_id", "sequence", "subject", "patient")
_TIMES = ("time", "step", "timestamp", "date", "second")
_FEW_VALUES = 20  # whole numbers up to so many different ones are classes
_MOST_CLASSES = 1000
_LOOKED_AT = 50  # files
_LARGEST = 128  # pixels of a side, to begin with


@dataclass(frozen=True)
class Found:
    """What data is, as configs say it.

    kind: of ``KINDS``. source, prepare: in YAML's flow style. target: a table's column. split: ``column``
    where the data brings its own, else ``random``. coded: a table has columns that are no plain numbers.
    line: for a person.
    """

    kind: str
    source: str
    line: str
    task: str = "classification"
    classes: tuple[str, ...] = ()
    target: str = ""
    prepare: tuple[str, ...] = ()
    split: str = "random"
    coded: bool = False


def look(data: Path, template: str) -> Found:
    """What a folder or a table holds.

    template: what the user says it is; empty or ``minimal`` to find out.

    Raises DataError for what no source reads, and RequestError where it is not what the user says.
    """
    if not data.exists():
        raise DataError(missing_path(data, "folder or table"))
    wanted = template if template in KINDS else ""
    found = _folder(data, wanted) if data.is_dir() else _table(data, wanted)
    if wanted not in ("", found.kind):
        mend = f"leave --template out, or write --template {found.kind}"
        raise RequestError(Problem(f"this is {found.line}, nothing for --template {wanted}", str(data), mend))
    return found


def _folder(data: Path, wanted: str) -> Found:
    names = visible_files(data)
    images = [name for name in names if is_image(name)]
    sounds = [name for name in names if SOUNDS.has(name)]
    texts = [name for name in names if name.lower().endswith(".txt")]
    most = max((images, sounds, texts), key=len)
    if not most:
        tables = [name for name in names if name.lower().endswith(TABLE_SUFFIXES)]
        mend = (
            f"name the table itself: --data {data / tables[0]}"
            if tables
            else "name a folder of samples, or a table"
        )
        raise DataError(Problem("there is no image, sound or text in this folder", str(data), mend))
    if wanted == "gan":
        return _gan(data, images)
    folders = {name.partition("/")[0] for name in most}
    if most is images and {"images", "masks"} <= folders:
        return _masks(data, images)
    split, classes = _classes(most)
    if len(classes) < 2:
        what = f"samples lie in {len(classes)} class folder" + ("" if len(classes) == 1 else "s")
        mend = "put those of each class into a folder of its own, or name a table that says their classes"
        raise DataError(Problem(what, str(data), mend))
    kind = "image" if most is images else "audio" if most is sounds else "text"
    noun = {"image": "images", "audio": "sounds", "text": "texts"}[kind]
    return Found(
        kind,
        f"{{name: {'text_folder' if kind == 'text' else 'folder'}, root: {quoted(str(data))}}}",
        f"{len(most):,} {noun} of {len(classes)} classes",
        classes=classes,
        prepare=_resize(data, images)
        if kind == "image"
        else _sounds(data, sounds)
        if kind == "audio"
        else (),
        split=split,
    )


def _classes(names: list[str]) -> tuple[str, tuple[str, ...]]:
    """How they are split, and the names of the folders that stand for classes."""
    parts = [name.split("/") for name in names]
    if all(SPLIT_WORDS.get(part[0].lower()) for part in parts):
        return "column", tuple(sorted({part[1] for part in parts if len(part) > 2}))
    return "random", tuple(sorted({part[0] for part in parts if len(part) > 1}))


def _masks(data: Path, images: list[str]) -> Found:
    count = sum(name.startswith("images/") for name in images)
    return Found(
        "segmentation",
        f"{{name: folder, root: {quoted(str(data))}}}",
        f"{count:,} images and their masks",
        task="segmentation",
        prepare=_resize(data, [name for name in images if name.startswith("images/")]),
    )


def _gan(data: Path, images: list[str]) -> Found:
    if not images:
        raise DataError(Problem("there is no image in this folder", str(data), "a GAN is for images"))
    source = f"{{name: folder, root: {quoted(str(data))}}}"
    return Found(
        "gan", source, f"{len(images):,} images", task="generation", prepare=("{name: resize, size: 32}",)
    )


def _resize(data: Path, images: list[str]) -> tuple[str, ...]:
    """One size for all: the median of the shorter side in eights, no larger than what trains quickly."""
    sizes = []
    for name in images[:: max(1, len(images) // _LOOKED_AT)]:
        with suppress(DataError):  # one that can't be read is for `epochal inspect` to tell
            sizes.append(image_size(data / name))
    if not sizes:
        raise DataError(Problem(f"{images[0]} and others can't be read as images", str(data)))
    if len(set(sizes)) == 1 and max(sizes[0]) <= _LARGEST:
        return ()
    shorter = statistics.median(min(size) for size in sizes)
    return (f"{{name: resize, size: {min(_LARGEST, max(8, int(shorter) // 8 * 8))}}}",)


def _sounds(data: Path, sounds: list[str]) -> tuple[str, ...]:
    """One rate and length for all: the commonest rate, and the median of the lengths."""
    from epochal.data.sounds import import_soundfile  # an extra: only who has sounds needs it

    some = [
        import_soundfile().info(str(data / name)) for name in sounds[:: max(1, len(sounds) // _LOOKED_AT)]
    ]
    rates = Counter(info.samplerate for info in some)
    seconds = round(max(0.1, statistics.median(info.duration for info in some)), 1)
    resample = (f"{{name: resample, rate: {rates.most_common(1)[0][0]}}}",) if len(rates) > 1 else ()
    return (*resample, "mono", f"{{name: fixed_length, seconds: {seconds}, pad: repeat}}")


def _table(data: Path, wanted: str) -> Found:
    frame = read_table(data).frame
    if len(frame.columns) < 2:
        raise DataError(Problem("a table needs a target and something to tell it from", str(data)))
    targets = _constant(data, frame) if wanted == "series" else frame
    target = _named(targets, _TARGETS) or targets.columns[-1]
    inputs = frame.drop(target)
    given = [f"path: {quoted(str(data))}"]
    steps: tuple[str, ...] = ()
    if wanted == "series":
        kind, given = "series", [*given, *_series(inputs)]
    elif file := next((name for name in inputs.columns if _names_files(inputs[name], data.parent)), ""):
        names = [str(name) for name in inputs[file].drop_nulls()]
        kind, given = "image" if is_image(names[0]) else "audio", [*given, f"file: {quoted(file)}"]
        steps = (_resize if kind == "image" else _sounds)(data.parent, names)
    elif text := _text_column(inputs):
        kind, given = "text", [*given, f"text: {quoted(text)}"]
    else:
        kind = "table"
    task, classes = _target(frame[target])
    source = (
        f"{{name: {'series' if kind == 'series' else 'table'}, {', '.join(given)}, target: {quoted(target)}}}"
    )
    what = f"classes {', '.join(classes[:5])}{', ...' if len(classes) > 5 else ''}" if classes else "values"
    line = f"{frame.height:,} rows, whose column '{target}' has the {what}"
    coded = kind == "table" and any(infer(column)[0] != "number" or column.null_count() for column in inputs)
    return Found(kind, source, line, task, classes, target, steps, coded=coded)


def _named(frame: pl.DataFrame, names: tuple[str, ...]) -> str:
    """The first of these names, in any case, that a column has; empty where none has."""
    columns = {name.lower(): name for name in frame.columns}
    return next((columns[name] for name in names if name in columns), "")


def _constant(data: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that are the same in all rows of a series, without the one that says which it is."""
    series = _named(frame, _IDS)
    if not series:
        mend = f"call it one of {', '.join(_IDS)}"
        raise DataError(Problem("no column says which series a row is of", str(data), mend))
    most = frame.group_by(series).agg(pl.all().n_unique()).drop(series).max()
    constant = [name for name in most.columns if most[name][0] == 1]
    if not constant:
        what = "no column is the same in all rows of a series, as its target would be"
        raise DataError(Problem(what, str(data), "forecasts have a source of their own, {name: forecast}"))
    return frame.select(constant)


def _series(inputs: pl.DataFrame) -> list[str]:
    series = _named(inputs, _IDS)
    time = _named(inputs.drop(series), _TIMES)
    lengths = inputs.group_by(series).len()["len"]
    length = [] if lengths.n_unique() == 1 else [f"length: {int(lengths.max())}"]  # type: ignore[arg-type]
    return [f"id: {quoted(series)}", *([f"time: {quoted(time)}"] if time else []), *length]


def _names_files(values: pl.Series, base: Path) -> bool:
    some = [str(value) for value in values.drop_nulls()[:_LOOKED_AT]]
    known = [name for name in some if is_image(name) or SOUNDS.has(name)]
    return len(known) == len(some) > 0 and (base / known[0]).exists()


def _text_column(inputs: pl.DataFrame) -> str:
    """The column of sentences, if there is one: of several words in the middle, and hardly any twice."""
    for name in inputs.columns:
        values = inputs[name].drop_nulls()
        if values.dtype == pl.String and infer(inputs[name])[0] is None and len(values):
            words = values.str.split(" ").list.len().median()
            if isinstance(words, float) and words >= 4:
                return name
    return ""


def _target(values: pl.Series) -> tuple[str, tuple[str, ...]]:
    """The task that a target is for, and its classes."""
    kind = infer(values)[0]
    distinct = values.drop_nulls().unique()
    if kind == "number":
        numbers = parse(values, "number").values.drop_nulls()
        if numbers.n_unique() > _FEW_VALUES or not (numbers == numbers.round()).all():
            return "regression", ()
    if len(distinct) > _MOST_CLASSES:
        what = f"'{values.name}' has {len(distinct):,} different texts, too many for classes"
        raise DataError(Problem(what, mend="call the column of the target 'target' or 'label'"))
    return "classification", tuple(sorted(map(_label, distinct)))


def _label(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(text: str) -> str:
    """A text in YAML's flow style."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        text if re.fullmatch(r"[A-Za-z_/.][\w/.-]*", text) and text.lower() not in _WORDS else f'"{escaped}"'
    )


_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan")
