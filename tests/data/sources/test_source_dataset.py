from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from epochal.config.component import Component
from epochal.data.manifest import Source, TargetKind
from epochal.data.sources import build_source
from epochal.data.sources.dataset import from_dataset
from epochal.errors import ConfigError, DataError

OWN_GENERATOR = np.random.default_rng(0)


class Items(Dataset[Any]):
    """A Dataset of what a function gives for each row."""

    def __init__(self, item: Callable[[int], Any], count: int = 6, **attributes: Any) -> None:
        self.item = item
        self.count = count
        vars(self).update(attributes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> Any:
        return self.item(row)


def _source(item: Callable[[int], Any], kind: TargetKind = "class", **attributes: Any) -> Source:
    return from_dataset(Items(item, **attributes), target_kind=kind, name="my.module:Items")


@pytest.mark.parametrize(
    ("value", "kind", "shape", "dtype"),
    [
        (torch.ones(3, 4, 5), "image", (3, 4, 5), "float32"),
        (torch.ones(1, 4, 5, dtype=torch.uint8), "image", (1, 4, 5), "uint8"),
        (np.ones((6, 5, 3), np.uint8), "image", (3, 6, 5), "uint8"),
        (Image.new("RGB", (5, 4)), "image", (3, 4, 5), "uint8"),
        (torch.ones(7, dtype=torch.float64), "vector", (7,), "float32"),
        (torch.ones(7, dtype=torch.bfloat16), "vector", (7,), "float32"),
        (2.5, "vector", (1,), "float32"),
        (np.float64(2.5), "vector", (1,), "float32"),
        (torch.ones(4, 5), "tensor", (4, 5), "float32"),
        (torch.ones(2, 4, 5, dtype=torch.int64), "tensor", (2, 4, 5), "int64"),
    ],
)
def test_inputs_by_their_shape_and_type(value: Any, kind: str, shape: tuple[int, ...], dtype: str) -> None:
    source = _source(lambda row: (value, row % 2))
    assert source.kind == kind
    assert source.array is not None
    assert source.array.shape == (6, *shape)
    assert str(source.read(0).dtype) == dtype
    assert source.item is None


@pytest.mark.parametrize("keys", [("input", "target"), ("image", "label"), ("x", "y")])
def test_items_may_be_dicts(keys: tuple[str, str]) -> None:
    source = _source(lambda row: {keys[0]: torch.full((2,), float(row)), keys[1]: row % 3, "id": row})
    np.testing.assert_array_equal(source.read(4), [4, 4])
    assert source.manifest.targets.tolist() == [0, 1, 2, 0, 1, 2]


def test_targets_names_and_groups() -> None:
    named = _source(
        lambda row: (0.0, torch.tensor(row % 2)), classes=["cat", "dog", "eel"], groups=[1, 1, 2, 2, 3, 3]
    )
    assert named.manifest.names == ("cat", "dog", "eel")
    assert named.manifest.targets.tolist() == [0, 1, 0, 1, 0, 1]
    assert named.manifest.groups is not None
    assert named.manifest.groups.to_list() == ["1", "1", "2", "2", "3", "3"]
    texts = _source(lambda row: (0.0, "dog" if row else "cat"), classes=["dog", "cat"])
    assert texts.manifest.targets.tolist() == [1, 0, 0, 0, 0, 0]
    labels = _source(lambda row: (0.0, torch.tensor([1, row % 2])), "labels")
    assert labels.manifest.targets.tolist() == [[1, 0], [1, 1]] * 3
    value = _source(lambda row: (0.0, row / 2), "value")
    assert value.manifest.targets.tolist() == [[0.0], [0.5], [1.0], [1.5], [2.0], [2.5]]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: random.random(),
        lambda: float(np.random.rand()),
        lambda: float(torch.rand(())),
        lambda: float(OWN_GENERATOR.random()),
    ],
)
def test_random_items_are_found_and_not_kept(draw: Callable[[], float]) -> None:
    states = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
    source = _source(lambda row: (torch.full((2,), row + draw()), row % 2))
    assert (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()) == states
    assert source.array is None
    assert source.item is not None
    first, again = source.item(3), source.item(3)
    assert first[1] == 1
    assert not np.array_equal(first[0], again[0])
    assert np.floor(source.read(3)).tolist() == [3, 3]
    assert source.digest == _source(lambda row: (torch.full((2,), row + draw()), row % 2)).digest


def test_items_that_draw_without_showing_it_are_random() -> None:
    def item(row: int) -> Any:
        random.random()
        return float(row), row % 2

    assert _source(item).item is not None


def test_samples_of_different_shapes_and_too_large_ones_are_read_when_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ragged = _source(lambda row: (torch.zeros(3, 4 + row, 5), row % 2))
    assert ragged.array is None
    assert ragged.item is None
    assert ragged.read(2).shape == (3, 6, 5)
    small = _source(lambda row: (torch.full((4,), float(row)), row % 2))
    monkeypatch.setattr("epochal.data.sources.dataset._KEPT_BYTES", 40)
    large = _source(lambda row: (torch.full((4,), float(row)), row % 2))
    assert large.array is None
    assert large.read(5).tolist() == [5] * 4
    assert large.digest == small.digest
    assert large.digest != _source(lambda row: (torch.full((4,), float(row + 1)), row % 2)).digest


def test_wrong_items_are_named() -> None:
    with pytest.raises(
        DataError, match=r"item 0 of my\.module:Items: is a tuple of 3; return \(input, target\)"
    ):
        _source(lambda row: (1.0, 2, 3))
    with pytest.raises(DataError, match=r"is a dict of image, mask; return"):
        _source(lambda row: {"image": 1.0, "mask": 0})
    with pytest.raises(DataError, match=r"is a Tensor; return"):
        _source(lambda row: torch.ones(2))
    with pytest.raises(DataError, match=r"its input is a str; give a tensor"):
        _source(lambda row: ("text", 0))
    with pytest.raises(DataError, match=r"item 4 of .*: its input is of kind vector, that of others image"):
        _source(lambda row: (torch.ones(1, 2, 2) if row != 4 else torch.ones(2), 0), count=9)
    with pytest.raises(DataError, match=r"item 1 of .*: its target has the shape \[2\]"):
        _source(lambda row: (1.0, [0, 1] if row else 0))
    with pytest.raises(DataError, match=r"class 5 of row 5 is not in 0\.\.1"):
        _source(lambda row: (1.0, row), classes=["a", "b"], count=6)
    with pytest.raises(DataError, match="the sample is not finite"):
        _source(lambda row: (float("nan"), row % 2))
    with pytest.raises(DataError, match="the Dataset is empty"):
        _source(lambda row: (1.0, 0), count=0)
    with pytest.raises(DataError, match="has 1 groups for 6 items"):
        _source(lambda row: (1.0, row % 2), groups=[1])


def test_an_error_in_the_users_code_names_its_line() -> None:
    def item(row: int) -> Any:
        return {"a": 1.0}["b"], row

    with pytest.raises(DataError, match=r"test_source_dataset\.py:\d+: item 0 of .* failed: KeyError: 'b'"):
        _source(item)


MODULE = """
import torch
from torch.utils.data import Dataset, IterableDataset
from epochal.data.sources.sklearn_data import wine

class Squares(Dataset):
    classes = ["even", "odd"]
    def __init__(self, size=4):
        self.size = size
    def __len__(self):
        return self.size
    def __getitem__(self, row):
        return torch.tensor([row * row]), row % 2

class Stream(IterableDataset):
    def __iter__(self):
        yield 1

def vintage(target_kind):
    return wine(target_kind=target_kind)

def broken(path):
    raise ValueError("no such path: " + path)
"""


def test_a_users_own_sources_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_sources.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = build_source(Component(name="own_sources:Squares", size=5), "class")
    assert source.manifest.names == ("even", "odd")
    assert source.array is not None
    assert source.array.tolist() == [[0], [1], [4], [9], [16]]
    assert len(build_source(Component(name="own_sources:vintage"), "class").manifest) == 178
    with pytest.raises(ConfigError, match="gives a Stream, which is no map-style Dataset; it needs __len__"):
        build_source(Component(name="own_sources:Stream"), "class")
    with pytest.raises(
        ConfigError, match=r"own_sources\.py:\d+: own_sources:broken failed: ValueError: no such"
    ):
        build_source(Component(name="own_sources:broken", path="x"), "class")
    with pytest.raises(ConfigError, match="no source is called 'fodler'; did you mean 'folder'"):
        build_source(Component(name="fodler"), "class")
