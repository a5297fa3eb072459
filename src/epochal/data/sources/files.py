"""What files of samples are read as, by their endings: images or sounds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from epochal.data.images import IMAGE_SUFFIXES, Channels, ImageFiles, common_channels
from epochal.data.manifest import Manifest, Source
from epochal.data.masks.read import Masks
from epochal.data.sounds import SOUND_SUFFIXES, SoundFiles
from epochal.data.sources.digest import digest_files


@dataclass(frozen=True)
class Medium:
    """noun: ``image`` or ``sound``. suffixes: the endings of its files, in lower case."""

    noun: str
    suffixes: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether a file's name ends in one of them."""
        return os.path.splitext(name)[1].lower() in self.suffixes


IMAGES = Medium("image", IMAGE_SUFFIXES)
SOUNDS = Medium("sound", SOUND_SUFFIXES)


def medium_of(names: Iterable[str]) -> Medium:
    """Sounds where more names end as theirs do than as images'; else images."""
    votes = sum(SOUNDS.has(name) - IMAGES.has(name) for name in names)
    return SOUNDS if votes > 0 else IMAGES


def source_of_files(
    manifest: Manifest,
    paths: Sequence[str],
    medium: Medium,
    channels: Channels,
    masks: Masks | None = None,
    mask_paths: Sequence[str] = (),
) -> Source:
    """The source of these files, one a row.

    channels: ``auto`` leaves those of sounds to what ``read_source`` finds when it looks at all of them.
    masks, mask_paths: of images, where targets are masks.
    """
    digest = digest_files(manifest, [*paths, *mask_paths])
    if medium is SOUNDS:
        read = SoundFiles(paths, None if channels == "auto" else channels)
        return Source(manifest, "series", read, digest)
    chosen = common_channels(paths) if channels == "auto" else channels
    return Source(manifest, "image", ImageFiles(paths, chosen), digest, masks=masks)
