"""Images and their masks in two trees of folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from epochal.data.images import Channels, ImageFiles, common_channels, is_image, visible_files
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.masks.read import MASK_SUFFIXES, MaskOptions, mask_files
from epochal.data.sources.digest import digest_files
from epochal.data.sources.draft import Draft
from epochal.data.tables import SPLIT_WORDS
from epochal.errors import DataError, Problem

_ENDINGS = ("mask", "masks", "label", "labels", "seg", "segmentation", "gt", "annotation")
_LAYOUT = "it holds ROOT/images/NAME.jpg and ROOT/masks/NAME.png, also below train, val and test"


def mask_tree(base: Path, images: str, masks: str, options: MaskOptions, channels: Channels) -> Draft:
    """Images below ``images`` and masks of the same names below ``masks``, both folders of ``base``.

    Names are equal but for their ending; the mask's may end in _mask, -label and the like. Folders train, val
    and test inside of both, or around both, are the split. An image whose mask is missing stays a sample, for
    the checks to tell. Raises DataError where there are no images or no masks.
    """
    filenames = visible_files(base)
    found = [(name, _key(name, images)) for name in filenames if is_image(name)]
    pictures = {name: key for name, key in found if key is not None}
    drawn = {
        key: name
        for name in filenames
        if PurePosixPath(name).suffix.lower() in MASK_SUFFIXES and (key := _key(name, masks)) is not None
    }
    problems = [
        Problem(f"there is no {word} below '{folder}'", str(base), mend=_LAYOUT)
        for word, folder, there in (("image", images, pictures), ("mask", masks, drawn))
        if not there
    ]
    if problems:
        raise DataError(*problems)
    plain = {_without_ending(key): name for key, name in drawn.items()}
    chosen = [drawn.get(key) or plain.get(key, "") for key in pictures.values()]
    orphans = sorted(set(drawn.values()) - set(chosen))
    tree = _Tree(base, list(pictures), list(pictures.values()), chosen, tuple(orphans))
    return Draft(
        filenames=pl.Series("FILENAME", tree.images),
        place=lambda row: str(base / tree.images[row]),
        build=lambda rows: tree.some(rows).source(options, channels),
        problems=lambda _: {},  # of masks; the checks find these
    )


@dataclass(frozen=True)
class _Tree:
    """N images, what each is called in its tree, and its mask, "" where there is none; masks of no image."""

    base: Path
    images: list[str]
    keys: list[str]
    masks: list[str]
    orphans: tuple[str, ...]

    def some(self, rows: Array) -> _Tree:
        images, keys, masks = (
            [each[row] for row in rows.tolist()] for each in (self.images, self.keys, self.masks)
        )
        return _Tree(self.base, images, keys, masks, self.orphans)

    def source(self, options: MaskOptions, channels: Channels) -> Source:
        paths = [str(self.base / name) for name in self.images]
        drawn = [str(self.base / name) if name else "" for name in self.masks]
        masks = mask_files(drawn, options, self.orphans)
        manifest = Manifest(
            filenames=pl.Series("FILENAME", self.images),
            targets=masks.counts,
            target_kind="mask",
            names=masks.coding.names,
            splits=_splits(self.keys),
        )
        read = ImageFiles(paths, common_channels(paths) if channels == "auto" else channels)
        digest = digest_files(manifest, [*paths, *(place for place in masks.places if place)])
        return Source(manifest, kind="image", read=read, digest=digest, masks=masks)


def _key(filename: str, tree: str) -> str | None:
    """What a file is called in its tree, without its ending; None for a file outside of the tree."""
    first, _, rest = filename.partition("/")
    split = ""
    if first.lower() in SPLIT_WORDS and rest.startswith(f"{tree}/"):
        split, filename = f"{first}/", rest
    if not filename.startswith(f"{tree}/"):
        return None
    inner = PurePosixPath(filename.removeprefix(f"{tree}/"))
    return split + inner.with_suffix("").as_posix()


def _without_ending(key: str) -> str:
    for ending in _ENDINGS:
        for joint in "_-. ":
            if key.lower().endswith(joint + ending):
                return key[: -len(ending) - 1]
    return key


def _splits(keys: list[str]) -> pl.Series | None:
    """The split of each image, where all lie in folders of splits."""
    words = [SPLIT_WORDS.get(key.partition("/")[0].lower()) if "/" in key else None for key in keys]
    return pl.Series("SPLIT", words) if all(words) and "train" in words else None
