"""Images in a folder, one subfolder a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epochal.data.images import Channels, ImageFiles, common_channels, is_image, visible_files
from epochal.data.manifest import Manifest, Source, TargetKind
from epochal.data.problems import missing_path, raise_problems
from epochal.data.sources.digest import digest_files
from epochal.data.sources.targets import expect_kind
from epochal.data.tables import SPLIT_WORDS
from epochal.errors import DataError, Problem

_LAYOUT = "a source of kind folder is ROOT/CLASS/image, or ROOT/train/CLASS/image beside val and test"


@dataclass(frozen=True)
class _Place:
    """A file: its path relative to the root, its split and class, each "" where no folder names it."""

    filename: str
    split: str
    label: str


def folder(root: str | Path, *, channels: Channels = "auto", target_kind: TargetKind) -> Source:
    """Images under ``root``, whose first subfolder names the class; folders below it are free.

    Where all subfolders are called train, val (valid, validation) or test and hold folders themselves,
    they are splits, and the classes come one level below. Hidden files and files of other kinds are
    left out. channels: ``auto`` is 1 where every file is gray, else 3.
    Raises DataError where the folder is missing or empty, or a class has no image.
    """
    mend = "use the source table, whose columns hold any kind of target"
    expect_kind("class", target_kind=target_kind, source="folder", mend=mend)
    base = Path(root).expanduser()
    if not base.is_dir():
        if base.exists():
            raise DataError(
                Problem("this is a file, not a folder", str(base.resolve()), "name the folder of the classes")
            )
        raise DataError(missing_path(base.resolve(), "folder"))
    filenames = visible_files(base)
    is_split = _is_split(filenames)
    places = [_place(filename, is_split) for filename in filenames]
    samples = [place for place in places if is_image(place.filename)]
    _check(base, places, samples, _class_folders(base, is_split))

    names = tuple(sorted({place.label for place in samples}))
    index = {name: number for number, name in enumerate(names)}
    paths = [str(base / place.filename) for place in samples]
    manifest = Manifest(
        filenames=pl.Series("FILENAME", [place.filename for place in samples]),
        targets=pl.Series([index[place.label] for place in samples], dtype=pl.Int64).to_numpy().copy(),
        target_kind="class",
        names=names,
        splits=pl.Series("SPLIT", [place.split for place in samples]) if samples[0].split else None,
    )
    read = ImageFiles(paths, common_channels(paths) if channels == "auto" else channels)
    return Source(manifest, kind="image", read=read, digest=digest_files(manifest, paths))


def _is_split(filenames: Sequence[str]) -> bool:
    """Whether the first folders are splits and not classes."""
    parts = [filename.split("/") for filename in filenames]
    splits = {SPLIT_WORDS.get(part[0].lower()) for part in parts}
    in_split_itself = any(len(part) == 2 and is_image(part[1]) for part in parts)
    return "train" in splits and None not in splits and not in_split_itself


def _place(filename: str, is_split: bool) -> _Place:
    first, *others = filename.split("/")
    if is_split:
        return _Place(filename, SPLIT_WORDS[first.lower()], others[0] if len(others) > 1 else "")
    return _Place(filename, "", first if others else "")


def _class_folders(base: Path, is_split: bool) -> set[str]:
    """The names of all folders that stand for a class, the empty ones too."""
    parents = [entry for entry in base.iterdir() if entry.is_dir()] if is_split else [base]
    entries = (entry for parent in parents for entry in parent.iterdir())
    return {entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")}


def _check(base: Path, places: Sequence[_Place], samples: Sequence[_Place], labels: set[str]) -> None:
    if not samples:
        others = _endings(place.filename for place in places)
        what = "there is no image in this folder" + (f", only {others}" if others else "")
        raise DataError(Problem(what, where=str(base), mend=_LAYOUT))
    problems = [
        Problem("this image lies in no class folder", where=str(base / place.filename), mend=_LAYOUT)
        for place in samples
        if not place.label
    ]
    for label in sorted(labels - {place.label for place in samples}):
        others = _endings(place.filename for place in places if place.label == label)
        what = f"the class '{label}' has no image" + (f", only {others}" if others else "")
        problems.append(Problem(what, where=str(base), mend="add images to it, or take the folder away"))
    raise_problems(problems)
    if len(labels) < 2:
        what = f"there is one class only, '{samples[0].label}'"
        raise DataError(Problem(what, where=str(base), mend=_LAYOUT))


def _endings(filenames: Iterable[str]) -> str:
    """``3 .gif, 1 .txt``: what files there are, the most frequent first."""
    counts = Counter(Path(name).suffix or "without ending" for name in filenames)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(5))
