"""Plain PyTorch objects as a source: arrays, tensors, Datasets, DataLoaders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)
from torch.utils.data.distributed import DistributedSampler

from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.sources.arrays import as_samples, finite
from epochal.data.sources.dataset import from_dataset, pair_of
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.targets import array_targets
from epochal.errors import DataError, Problem

Kind = Literal["image", "vector", "tensor"]


def dataset_of(data: Any, name: str) -> Dataset[Any]:
    """A DataLoader's Dataset, a pair (inputs, targets) of arrays or tensors as one, a Dataset as it is.

    name: of the argument, for messages. Raises DataError for anything else, and for a DataLoader that does
    more than batch its Dataset in one order or another.
    """
    if isinstance(data, DataLoader):
        _check_plain(data, name)
        data = data.dataset
    if isinstance(data, tuple | list) and len(data) == 2:
        inputs, targets = (torch.as_tensor(np.asarray(part)) for part in data)
        if len(inputs) != len(targets):
            raise DataError(Problem(f"{len(inputs)} inputs with {len(targets)} targets", where=name))
        return TensorDataset(inputs, targets)
    if isinstance(data, IterableDataset) or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        mend = "give a Dataset with __len__ and __getitem__, a DataLoader of one, or (inputs, targets)"
        raise DataError(Problem(f"a {type(data).__name__} has no samples by number", where=name, mend=mend))
    return data  # type: ignore[no-any-return]


def _check_plain(loader: DataLoader[Any], name: str) -> None:
    """DataError for a sampler or a collate_fn that would not be followed."""
    if isinstance(loader.dataset, IterableDataset):  # told as such
        return
    if not isinstance(loader.sampler, RandomSampler | SequentialSampler | DistributedSampler):
        what = (
            f"the DataLoader chooses samples by a {type(loader.sampler).__name__}; orders are drawn anew here"
        )
        mend = "give a Subset of its Dataset; for rare classes set loss={'name': ..., 'weight': 'balanced'}"
    elif type(loader.batch_sampler) is not BatchSampler:
        what, mend = "the DataLoader makes batches of its own", "give its Dataset, and batch_size"
    elif loader.collate_fn is not default_collate:
        what = "the DataLoader has a collate_fn of its own, which would not be called"
        mend = "give a Dataset whose items are of one shape: (input, target) or a dict"
    else:
        return
    raise DataError(Problem(what, name, mend))


def first_target(dataset: Dataset[Any], name: str) -> Array:
    """The target of the first sample, of a TensorDataset the targets of all, as an array."""
    target = dataset.tensors[1] if _is_pair(dataset) else pair_of(dataset[0], name)[1]  # type: ignore[attr-defined]
    return target.detach().cpu().numpy() if isinstance(target, torch.Tensor) else np.asarray(target)


def from_objects(parts: Mapping[str, Dataset[Any]], target_kind: TargetKind) -> Source:
    """The samples of Datasets by their split, as one source that comes with this split.

    Pairs of tensors stay as they are: [N, F] floats are vectors, [N, C, H, W] images where C is 1, 3 or 4,
    and anything else, token numbers say, a tensor. Classes that are integers mean what they mean to a loss:
    index k is class k, whether or not every class below it occurs.
    """
    if all(_is_pair(part) for part in parts.values()):
        tensors = [part.tensors for part in parts.values()]  # type: ignore[attr-defined]
        inputs, targets = (
            np.concatenate([pair[place].detach().cpu().numpy() for pair in tensors]) for place in (0, 1)
        )
        kind, samples = _samples(inputs)
        found, names = array_targets(targets, target_kind, "target", "the data")
        filenames = pl.Series("FILENAME", [str(row) for row in range(len(samples))])
        manifest = Manifest(filenames, found, target_kind, names)
        source = Source(manifest, kind, samples.__getitem__, digest_arrays(manifest, samples), array=samples)
    else:
        joined: Any = ConcatDataset(parts.values())
        first = next(iter(parts.values()))
        joined.classes = getattr(first, "classes", None)
        source = from_dataset(joined, target_kind=target_kind, name=type(first).__name__)
    splits = pl.Series("SPLIT", [name for name, part in parts.items() for _ in range(len(part))])  # type: ignore[arg-type]
    return replace(source, manifest=replace(_indexed(source.manifest), splits=splits))


def _is_pair(dataset: Dataset[Any]) -> bool:
    return type(dataset) is TensorDataset and len(dataset.tensors) == 2


def _samples(inputs: Array) -> tuple[Kind, Array]:
    """The kind of inputs [N, ...], and their array."""
    real = inputs.dtype.kind == "f"
    if (inputs.ndim == 4 and inputs.shape[1] in (1, 3, 4) and (real or inputs.dtype == np.uint8)) or (
        inputs.ndim <= 2 and real
    ):
        return as_samples(inputs, "the inputs")
    return "tensor", finite(inputs, "the inputs")


def _indexed(manifest: Manifest) -> Manifest:
    """Classes that are called by whole numbers from 0 on, under these numbers."""
    if manifest.target_kind != "class" or not all(name.isdecimal() for name in manifest.names):
        return manifest
    numbers = np.array([int(name) for name in manifest.names])
    names = tuple(str(number) for number in range(int(numbers.max()) + 1))
    return replace(manifest, targets=numbers[manifest.targets], names=names)
