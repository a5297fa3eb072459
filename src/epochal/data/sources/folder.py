"""Files in a folder, one subfolder a class: images, or others that are laid out so."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.images import Channels, visible_files
from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.masks.read import MaskOptions
from epochal.data.problems import missing_path, raise_problems
from epochal.data.sources.draft import Draft, RowProblems
from epochal.data.sources.files import medium_of, source_of_files
from epochal.data.sources.mask_tree import mask_tree
from epochal.data.sources.targets import expect_kind, no_targets
from epochal.data.tables import SPLIT_WORDS
from epochal.errors import ConfigError, DataError, Problem


@dataclass(frozen=True)
class Sort:
    """Which files a folder's samples are. noun: what one is called; source: what the source is called.

    source_of: what reads them, from their paths and the manifest.
    """

    noun: str
    source: str
    accepts: Callable[[str], bool]
    source_of: Callable[[list[str], Manifest], Source]

    @property
    def layout(self) -> str:
        """How they lie, in words."""
        name = self.noun.replace(" ", "_")
        whole, parts = f"ROOT/CLASS/{name}", f"ROOT/train/CLASS/{name}"
        return f"a source of kind {self.source} is {whole}, or {parts} beside val and test"


@dataclass(frozen=True)
class _Place:
    """A file: its path relative to the root, its split and class, each "" where no folder names it."""

    filename: str
    split: str
    label: str


def folder(
    root: str | Path,
    *,
    channels: Channels = "auto",
    images: str = "images",
    masks: str = "masks",
    classes: list[str] | dict[str, int] | None = None,
    colors: dict[str, list[int]] | None = None,
    ignore_index: int | list[int] | None = None,
    target_kind: TargetKind,
) -> Draft:
    """Images or sounds under ``root``, whose first subfolder names the class; folders below it are free.

    Where all subfolders are called train, val (valid, validation) or test and hold folders themselves,
    they are splits, and the classes come one level below. Hidden files and files of other kinds are
    left out; of images and sounds, those that there are fewer of. channels: ``auto`` is 1 where every image
    is gray, else 3; of sounds, what all files have, or 1 where they differ.
    Where the task needs no targets, subfolders name nothing but the splits.

    For segmentation: the folders ``images`` and ``masks`` of ``root`` hold images and, by the same names,
    masks. classes: names of the values 0, 1, ... or names with their values; colors: names with red, green
    and blue; ignore_index: the value, or colour, of pixels to leave out (255 where ``classes`` are given).
    Raises DataError where the folder is missing or empty; a class without a file is told by the draft.
    """
    mend = "use the source table, whose columns hold any kind of target"
    if target_kind != "mask":
        expect_kind("class", target_kind=target_kind, source="folder", mend=mend)
    base = existing_folder(root)
    if target_kind == "mask":
        return mask_tree(base, images, masks, MaskOptions(classes, colors, ignore_index), channels)

    _refuse_masks(base, images, masks, classes, colors, ignore_index)
    medium = medium_of(visible_files(base))

    def source_of(paths: list[str], manifest: Manifest) -> Source:
        return source_of_files(manifest, paths, medium, channels)

    return class_tree(
        base, Sort(medium.noun, "folder", medium.has, source_of), labelled=target_kind != "none"
    )


def _refuse_masks(base: Path, images: str, masks: str, *told: object) -> None:
    """ConfigError where the folder, or what is told of it, is of masks, which only segmentation reads."""
    mend = "choose task: segmentation"
    if any(each is not None for each in told):
        what = "'classes', 'colors' and 'ignore_index' are of masks"
        raise ConfigError(Problem(what, "data.source", f"{mend}, or leave them out"))
    found = {path.name for path in base.iterdir() if path.is_dir() and not path.name.startswith(".")}
    if found == {images, masks}:
        what = f"its only classes would be '{images}' and '{masks}', as images and their masks are called"
        raise ConfigError(Problem(what, str(base), f"{mend}, or call the folders otherwise"))


def existing_folder(root: str | Path) -> Path:
    """The path of a folder; DataError where there is none."""
    base = Path(root).expanduser()
    if not base.is_dir():
        if base.exists():
            raise DataError(
                Problem("this is a file, not a folder", str(base.resolve()), "name the folder of the classes")
            )
        raise DataError(missing_path(base.resolve(), "folder"))
    return base


def class_tree(base: Path, sort: Sort, *, labelled: bool) -> Draft:
    """The files of a folder by class; labelled: whether the task needs classes.

    Raises DataError where there is no such file; a class without any is told by the draft.
    """
    filenames = visible_files(base)
    is_split = _is_split(filenames, sort, labelled)
    places = [_place(filename, is_split) for filename in filenames]
    samples = [place for place in places if sort.accepts(place.filename)]
    if not samples:
        others = _endings(place.filename for place in places)
        what = f"there is no {sort.noun} in this folder" + (f", only {others}" if others else "")
        raise DataError(Problem(what, where=str(base), mend=sort.layout if labelled else f"add {sort.noun}s"))
    paths = [str(base / place.filename) for place in samples]
    return Draft(
        filenames=pl.Series("FILENAME", [place.filename for place in samples]),
        place=paths.__getitem__,
        build=lambda rows: _source(base, [samples[row] for row in rows.tolist()], sort, labelled),
        problems=lambda rows: _problems(samples, paths, rows, sort, labelled),
        empty=tuple(_empty_classes(base, places, samples, sort, is_split)) if labelled else (),
    )


def _source(base: Path, samples: Sequence[_Place], sort: Sort, labelled: bool) -> Source:
    paths = [str(base / place.filename) for place in samples]
    wrong = _problems(samples, paths, np.arange(len(samples)), sort, labelled)
    raise_problems([problem for found in wrong.values() for _, problem in found])
    names = tuple(sorted({place.label for place in samples})) if labelled else ()
    if labelled and len(names) < 2:
        what = f"there is one class only, '{names[0]}'"
        raise DataError(Problem(what, where=str(base), mend=sort.layout))
    index = {name: number for number, name in enumerate(names)}
    manifest = Manifest(
        filenames=pl.Series("FILENAME", [place.filename for place in samples]),
        targets=pl.Series([index[place.label] for place in samples], dtype=pl.Int64).to_numpy().copy()
        if labelled
        else no_targets(len(samples)),
        target_kind="class" if labelled else "none",
        names=names,
        splits=pl.Series("SPLIT", [place.split for place in samples]) if samples[0].split else None,
    )
    return sort.source_of(paths, manifest)


def _is_split(filenames: Sequence[str], sort: Sort, labelled: bool) -> bool:
    """Whether the first folders are splits and not classes; labelled: there are classes below them."""
    parts = [filename.split("/") for filename in filenames]
    splits = {SPLIT_WORDS.get(part[0].lower()) for part in parts}
    in_split_itself = labelled and any(len(part) == 2 and sort.accepts(part[1]) for part in parts)
    return "train" in splits and None not in splits and not in_split_itself


def _place(filename: str, is_split: bool) -> _Place:
    first, *others = filename.split("/")
    if is_split:
        return _Place(filename, SPLIT_WORDS[first.lower()], others[0] if len(others) > 1 else "")
    return _Place(filename, "", first if others else "")


def _class_folders(base: Path, is_split: bool) -> dict[str, Path]:
    """The folders that stand for a class by its name, the empty ones too; one of several splits' folders."""
    parents = [entry for entry in sorted(base.iterdir()) if entry.is_dir()] if is_split else [base]
    entries = (entry for parent in parents for entry in sorted(parent.iterdir()))
    return {entry.name: entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")}


def _problems(
    samples: Sequence[_Place], paths: Sequence[str], rows: Array, sort: Sort, labelled: bool
) -> RowProblems:
    mend = f"move it, or leave it out: {sort.layout}"
    outside = [
        (row, Problem(f"this {sort.noun} lies in no class folder", where=paths[row], mend=mend))
        for row in rows.tolist()
        if labelled and not samples[row].label
    ]
    # a link to nothing is listed as a file
    gone = [
        (row, Problem("the file does not exist", paths[row], "it is a link: copy the file itself there"))
        for row in rows.tolist()
        if not os.path.exists(paths[row])
    ]
    return {"no_class": outside, "missing_file": gone}


def _empty_classes(
    base: Path, places: Sequence[_Place], samples: Sequence[_Place], sort: Sort, is_split: bool
) -> Iterator[Problem]:
    folders = _class_folders(base, is_split)
    for label in sorted(set(folders) - {place.label for place in samples}):
        others = _endings(place.filename for place in places if place.label == label)
        what = f"the class '{label}' has no {sort.noun}" + (f", only {others}" if others else "")
        yield Problem(
            what, where=str(folders[label]), mend=f"add {sort.noun}s to it, or take the folder away"
        )


def _endings(filenames: Iterable[str]) -> str:
    """``3 .gif, 1 .txt``: what files there are, the most frequent first."""
    counts = Counter(Path(name).suffix or "without ending" for name in filenames)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(5))
