"""A torch Dataset of the user's as a source."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image

from epochal.data.foreign import forked_generators
from epochal.data.images import to_array
from epochal.data.manifest import Array, Kind, Manifest, Source, TargetKind, row_names
from epochal.data.masks.read import MaskOptions, mask_arrays
from epochal.data.problems import SHOWN, raise_problems
from epochal.data.sources.arrays import as_samples, finite
from epochal.data.sources.digest import array_digest, digest_arrays
from epochal.data.sources.targets import array_targets
from epochal.errors import DataError, Problem

_KEYS = (("input", "image", "x"), ("target", "label", "y"))
_EXPECTED = "return (input, target), or a dict with input and target (or image and label, x and y)"
_TRIED = 8
_KEPT_BYTES = 1 << 30
"""Samples are kept in memory up to this; beyond it they are read from the Dataset when they are needed."""


def from_dataset(dataset: Any, *, target_kind: TargetKind, name: str) -> Source:
    """A map-style Dataset, whose items are (input, target) or a dict, as a source.

    Where the task needs no targets, items may be inputs alone.

    Inputs are tensors, arrays, PIL images or numbers: three dimensions with 1, 3 or 4 channels are an
    image, one or none a vector, others a tensor. ``classes`` and ``groups`` of the Dataset are used where
    it has them. Of a dict, every tensor, array and image but the target is an input, and reaches forward of
    the network by its name where they are several; texts and numbers, as a path or an id, are passed over.
    Every item is read once, for its target. Items are random where a few of them differ when read again
    or draw from a global generator; then ``item`` is set and no sample is kept.
    name: of the Dataset, for messages. Raises DataError naming the items that are wrong.
    """
    items = _Items(dataset, name, labelled=target_kind != "none")
    count = len(dataset)
    if count == 0:
        raise DataError(Problem("the Dataset is empty", where=name))
    is_random = _is_random(items, count)
    contents = _read_all(items, count, keep=not is_random)

    given = getattr(dataset, "classes", None)
    names = tuple(str(entry) for entry in given) if isinstance(given, list | tuple) else ()
    masks = None
    given_targets = _stacked(contents.targets, name)
    if target_kind == "mask":
        if is_random or contents.kind != "image":
            what = "its items are random" if is_random else f"its inputs are of kind {contents.kind}"
            mend = "give images (C×H×W) with masks (H×W), the same each time; data.augment moves both"
            raise DataError(Problem(f"{what}, and targets are masks", where=name, mend=mend))
        masks = mask_arrays(given_targets, MaskOptions(names or None), name)
        targets, names = masks.counts, masks.coding.names
    else:
        targets, names = array_targets(given_targets, target_kind, "target", name, names)
    filenames = row_names(count)
    manifest = Manifest(filenames, targets, target_kind, names, _groups(dataset, count, name))
    # the samples of a random Dataset have no digest of their own
    samples = np.frombuffer(name.encode() if is_random else b"".join(contents.digests), np.uint8)
    others = {key: _stacked(values, name, key) for key, values in contents.others.items()}
    drawn = [given_targets] if masks is not None else []
    digest = digest_arrays(manifest, samples, *drawn, *others.values())
    if others and is_random:
        what = "its items are random and have several inputs, which are read once only"
        raise DataError(Problem(what, name, "make them the same each time; augment is the place for chance"))
    if is_random:
        return Source(manifest, contents.kind, items.sample, digest, item=items)
    if contents.samples and len({(array.shape, array.dtype) for array in contents.samples}) == 1:
        array = np.stack(contents.samples)
        read: Callable[[int], Array] = array.__getitem__
    else:
        array = None
        read = contents.samples.__getitem__ if contents.samples else items.sample
    first = contents.first if others else None
    kind = contents.kind
    return Source(manifest, kind, read, digest, array=array, masks=masks, others=others, first=first)


@dataclass(frozen=True)
class _Items:
    """Reads the items of a Dataset: called with a row number, it gives (input as an array, target)."""

    dataset: Any
    name: str
    labelled: bool

    def __call__(self, row: int) -> tuple[Array, Any]:
        item = self.read(row)
        return item.sample, item.target

    def sample(self, row: int) -> Array:
        return self.read(row).sample

    def read(self, row: int) -> _Item:
        where = f"item {row} of {self.name}"
        try:
            item = self.dataset[row]
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{where} failed: {type(error).__name__}: {error}"
            raise DataError(Problem(what, where=f"{frame.filename}:{frame.lineno}")) from error
        inputs, target = pair_of(item, where) if self.labelled else (_input(item, where), None)
        others = {}
        if isinstance(item, Mapping):
            first, *names = _inputs(item)
            others = {name: _converted(item[name], where)[1] for name in names}
        return _Item(*_converted(inputs, where), target, first if others else "", others)


@dataclass(frozen=True)
class _Item:
    """One item. first: what the sample is called where there are others."""

    kind: Kind
    sample: Array
    target: Any
    first: str
    others: dict[str, Array]


def pair_of(item: Any, where: str) -> tuple[Any, Any]:
    """Input and target of a Dataset's item; DataError where it is none of the forms that are understood."""
    if isinstance(item, Mapping):
        inputs, target = _inputs(item), next((item[key] for key in _KEYS[1] if key in item), None)
        if not inputs or target is None:
            shown = ", ".join(str(key) for key in item)
            raise DataError(Problem(f"is a dict of {shown}", where=where, mend=_EXPECTED))
        return item[inputs[0]], target
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    held = f" of {len(item)}" if isinstance(item, tuple | list) else ""
    raise DataError(Problem(f"is a {type(item).__name__}{held}", where=where, mend=_EXPECTED))


def _input(item: Any, where: str) -> Any:
    """The input of an item that may have a target or none."""
    if isinstance(item, Mapping):
        found = _inputs(item)
        if not found:
            shown = ", ".join(str(key) for key in item)
            raise DataError(Problem(f"is a dict of {shown}", where=where, mend="return a dict with input"))
        return item[found[0]]
    return item[0] if isinstance(item, tuple | list) and item else item


def _inputs(item: Mapping[Any, Any]) -> list[str]:
    """The keys of the inputs: the one that is called so first, then all that hold arrays but the target."""
    target = next((key for key in _KEYS[1] if key in item), None)
    held = [key for key, value in item.items() if isinstance(value, torch.Tensor | np.ndarray | Image.Image)]
    named = [key for key in _KEYS[0] if item.get(key) is not None][:1]
    return [*named, *(str(key) for key in held if key not in (target, *named))]


def _converted(value: Any, where: str) -> tuple[Kind, Array]:
    """One input as a sample, and its kind."""
    if isinstance(value, Image.Image):
        return "image", to_array(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    elif isinstance(value, Number):  # numpy's scalars are Numbers too
        value = np.array(value)
    elif not isinstance(value, np.ndarray):
        mend = "give a tensor, an array, a PIL image or a number"
        raise DataError(Problem(f"its input is a {type(value).__name__}", where=where, mend=mend))
    if value.ndim == 2:  # a sequence of features rather than a gray image
        return "tensor", finite(value[None], where)[0]
    kind, samples = as_samples(value.reshape(1, *(value.shape or (1,))), where)
    return kind, samples[0]


@dataclass(frozen=True)
class _Contents:
    """What was read from a Dataset: the items' kind, targets and digests, and the samples to keep."""

    kind: Kind
    targets: list[Any]
    digests: list[bytes]
    samples: list[Array]  # none where all together are too large
    first: str
    others: dict[str, list[Array]]


def _read_all(items: _Items, count: int, keep: bool) -> _Contents:
    """Read every item once, the global generators seeded so that what is random is the same each time."""
    contents: _Contents | None = None
    problems: list[Problem] = []
    kept = 0
    with forked_generators() as seed:
        seed(0)
        for row in range(count):
            try:
                item = items.read(row)
            except DataError as error:
                problems += error.problems
                if len(problems) >= SHOWN:
                    break
                continue
            if contents is None:
                contents = _Contents(item.kind, [], [], [], item.first, {name: [] for name in item.others})
            where = f"item {row} of {items.name}"
            if item.kind != contents.kind:
                what = f"its input is of kind {item.kind}, that of others {contents.kind}"
                problems.append(Problem(what, where))
            if item.others.keys() != contents.others.keys():
                had = ", ".join(contents.others) or "none"
                own = ", ".join(item.others) or "none"
                what = f"its inputs beside the first are {own}, those of item 0 {had}"
                problems.append(Problem(what, where, "give all items the same inputs"))
                continue
            for name, value in item.others.items():
                contents.others[name].append(value)
            contents.targets.append(item.target)
            if keep:
                contents.digests.append(array_digest(item.sample))
                kept += item.sample.nbytes
                if kept <= _KEPT_BYTES:
                    contents.samples.append(item.sample)
                else:
                    contents.samples.clear()
    raise_problems(problems)
    assert contents is not None
    return contents


def _stacked(targets: list[Any], name: str, what_is: str = "target") -> Array:
    """Targets, or inputs beside the first, of all items as one array [N, ...]."""
    arrays = [
        target.detach().cpu().numpy() if isinstance(target, torch.Tensor) else np.asarray(target)
        for target in targets
    ]
    for row, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            what = f"its {what_is} has the shape {list(array.shape)}, that of item 0 {list(arrays[0].shape)}"
            raise DataError(Problem(what, f"item {row} of {name}", "give those of all items one shape"))
    return np.stack(arrays)


def _groups(dataset: Any, count: int, name: str) -> pl.Series | None:
    groups = getattr(dataset, "groups", None)
    if groups is None:
        return None
    if len(groups) != count:
        raise DataError(Problem(f"has {len(groups)} groups for {count} items", where=name))
    return pl.Series("GROUP", [str(group) for group in groups])


def _is_random(items: _Items, count: int) -> bool:
    """Whether a few items, read twice under different seeds, differ or move a global generator."""
    rows = np.unique(np.linspace(0, count - 1, min(_TRIED, count)).round().astype(int)).tolist()
    readings = []
    for key in (1, 2):
        with forked_generators() as seed:
            seed(key)
            before = _generator_states()
            readings.append([items.sample(row) for row in rows])
            if _generator_states() != before:
                return True
    return not all(np.array_equal(one, other) for one, other in zip(*readings, strict=True))


def _generator_states() -> tuple[Any, ...]:
    _, keys, *position = np.random.get_state()
    return random.getstate(), np.asarray(keys).tobytes(), position, torch.get_rng_state().numpy().tobytes()
