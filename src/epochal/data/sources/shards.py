"""Samples in tar archives as webdataset lays them out: the files of one key, ``0001.jpg`` and ``0001.cls``.

Nothing is unpacked: each archive is read through once for the places of its members, and samples are then
read by their place. So they are split, shuffled as a whole, resumed and evaluated like any other files.
"""

from __future__ import annotations

import glob
import io
import itertools
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.images import IMAGE_SUFFIXES, Channels, ImageFiles, common_channels
from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.members import member_path, read_bytes
from epochal.data.problems import raise_problems
from epochal.data.sources.arrays import as_samples
from epochal.data.sources.digest import digest_files
from epochal.data.sources.targets import array_targets, class_targets
from epochal.data.tables import SPLIT_WORDS
from epochal.errors import DataError, Problem

_MEND = "name tar archives: 'data/train-{000..009}.tar', 'data/*.tar', or their folder"
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def shards(
    path: str | Path,
    *,
    input: str | None = None,  # noqa: A002 - the config's word
    target: str = "cls",
    field: str = "label",
    split: bool = False,
    channels: Channels = "auto",
    target_kind: TargetKind,
) -> Source:
    """Uncompressed tar archives of samples: ``path`` is one, a pattern (``{000..009}``, ``*``), or a folder.

    input: the ending of the members that are inputs, such as jpg or npy; by default the image or array that
        a sample has. target: the ending of those that hold the target: cls or txt, a class or a number as
        text; npy; or json, whose entry ``field`` is it. channels: as of ``folder``.
    split: the archives' names begin with train, val or test, which is the split of what they hold.
    Raises DataError naming the archive or the sample that is broken or incomplete.
    """
    archives = _archives(str(path))
    samples = list(itertools.chain.from_iterable(_samples(archive) for archive in archives))
    if not samples:
        raise DataError(Problem("there is no sample in these archives", str(path), _MEND))
    problems: list[Problem] = []
    endings = [_input_of(sample, input, problems) for sample in samples]
    _only_once(samples, problems)
    raise_problems(problems)
    inputs = [sample.members[ending] for sample, ending in zip(samples, endings, strict=True)]
    raw = [_target_of(sample, target, field, problems) for sample in samples]
    raise_problems(problems)
    where = str(path)
    if target_kind == "class":
        targets, names = class_targets(pl.Series([str(value) for value in raw]), where)
    else:
        targets, names = array_targets(_numbers(raw, where), target_kind, field, where)
    splits = [_split_of(sample.archive) for sample in samples] if split else None
    manifest = Manifest(
        pl.Series("FILENAME", [f"{s.name}.{ending}" for s, ending in zip(samples, endings, strict=True)]),
        targets,
        target_kind,
        names,
        splits=pl.Series("SPLIT", splits) if splits else None,
    )
    return _source(manifest, inputs, channels)


@dataclass(frozen=True)
class _Sample:
    """A key of an archive, and the member paths of its files by their endings, in lower case."""

    archive: str
    key: str
    members: dict[str, str]

    @property
    def name(self) -> str:
        """``train-000/0001``: what it is called wherever the archives lie."""
        return f"{Path(self.archive).stem}/{self.key}"


def _archives(pattern: str) -> list[str]:
    """The archives that a pattern means, sorted; DataError where one is missing."""
    named = [os.path.expanduser(each) for each in expanded(pattern)]
    found: list[str] = []
    for each in named:
        if os.path.isdir(each):
            found += sorted(glob.glob(os.path.join(glob.escape(each), "**", "*.tar"), recursive=True))
        elif glob.has_magic(each):
            found += sorted(glob.glob(each, recursive=True))
        else:
            found.append(each)
    missing = [each for each in found if not os.path.isfile(each)]
    raise_problems([Problem("there is no such file", where=each, mend=_MEND) for each in missing])
    if not found:
        raise DataError(Problem("no archive matches", where=pattern, mend=_MEND))
    return found


def expanded(pattern: str) -> Iterator[str]:
    """``a-{00..02}`` as a-00, a-01, a-02."""
    found = _RANGE.search(pattern)
    if found is None:
        yield pattern
        return
    first, last = found[1], found[2]
    for number in range(int(first), int(last) + 1):
        yield from expanded(pattern[: found.start()] + str(number).zfill(len(first)) + pattern[found.end() :])


def _samples(archive: str) -> Iterator[_Sample]:
    """The samples of one archive in its order: neighbouring files whose names agree up to the first dot."""
    places: dict[str, dict[str, str]] = {}
    end = os.path.getsize(archive)
    try:
        if any(read_bytes(member_path(archive, max(0, end - 512), 512, "end"))):
            raise tarfile.ReadError("it is cut off: the blocks that end an archive are missing")
        with tarfile.open(archive, "r:") as members:
            for member in members:
                if not member.isfile():
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                path = member_path(archive, member.offset_data, member.size, member.name)
                places.setdefault(key, {})[ending.lower()] = path
    except (tarfile.TarError, OSError) as error:
        mend = "copy it again; archives are not compressed (.tar, not .tar.gz)"
        raise DataError(Problem(f"can't be read as a tar archive: {error}", archive, mend)) from error
    return (_Sample(archive, key, members_) for key, members_ in places.items())


def _only_once(samples: Sequence[_Sample], problems: list[Problem]) -> None:
    seen: dict[str, str] = {}
    for sample in samples:
        if sample.name in seen:
            what = f"the sample '{sample.name}' is in {seen[sample.name]} too"
            problems.append(Problem(what, sample.archive, "give archives and samples names of their own"))
        seen[sample.name] = sample.archive


def _input_of(sample: _Sample, ending: str | None, problems: list[Problem]) -> str:
    """The ending of a sample's input."""
    known = [ending] if ending else [*(suffix[1:] for suffix in sorted(IMAGE_SUFFIXES)), "npy"]
    found = next((each for each in known if each in sample.members), None)
    if found is None:
        what = f"the sample '{sample.key}' has no input, only {', '.join(sorted(sample.members))}"
        problems.append(Problem(what, sample.archive, "name the ending of the inputs as 'input'"))
    return found or ""


def _target_of(sample: _Sample, ending: str, field: str, problems: list[Problem]) -> object:
    """A sample's target as text, number or array."""
    path = sample.members.get(ending)
    if path is None:
        what = f"the sample '{sample.key}' has no '{ending}', only {', '.join(sorted(sample.members))}"
        problems.append(Problem(what, sample.archive, "name the ending of the targets as 'target'"))
        return ""
    try:
        data = read_bytes(path)
        if ending.endswith("npy"):
            return np.load(io.BytesIO(data), allow_pickle=False)
        if ending.endswith("json"):
            return json.loads(data)[field]
        return data.decode().strip()
    except (ValueError, KeyError, TypeError) as error:
        what = f"the target of '{sample.key}' can't be read: {type(error).__name__}: {error}"
        problems.append(Problem(what, sample.archive, f"'field' names an entry of json (now '{field}')"))
        return ""


def _numbers(values: Sequence[object], where: str) -> Array:
    try:
        return np.array([np.asarray(value, np.float64) for value in values])
    except ValueError as error:
        raise DataError(Problem(f"the targets are no numbers of one shape: {error}", where)) from error


def _split_of(archive: str) -> str:
    word = re.split(r"[^a-z]", Path(archive).name.lower())[0]
    if word not in SPLIT_WORDS:
        mend = "name archives train-..., val-... or test-..., or leave 'split' out"
        raise DataError(Problem("its name begins with no split", where=archive, mend=mend))
    return SPLIT_WORDS[word]


def _source(manifest: Manifest, inputs: Sequence[str], channels: Channels) -> Source:
    digest = digest_files(manifest, inputs)
    if os.path.splitext(inputs[0])[1].lower() in IMAGE_SUFFIXES:
        files = ImageFiles(inputs, common_channels(inputs) if channels == "auto" else channels)
        return Source(manifest, "image", files, digest)
    kind, _ = as_samples(_array(inputs[0])[None], inputs[0])
    return Source(manifest, kind, _reader(inputs), digest)


def _reader(inputs: Sequence[str]) -> Callable[[int], Array]:
    def read(row: int) -> Array:
        sample: Array = as_samples(_array(inputs[row])[None], inputs[row])[1][0]
        return sample

    return read


def _array(path: str) -> Array:
    try:
        return np.asarray(np.load(io.BytesIO(read_bytes(path)), allow_pickle=False))
    except ValueError as error:
        mend = "inputs are images or .npy arrays; name their ending as 'input'"
        raise DataError(Problem(f"can't be read as an array: {error}", path, mend)) from error
