from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epochal.data.manifest import Array, Source, TargetKind
from epochal.data.sources.arrays import arrays
from epochal.errors import ConfigError, DataError


def _saved(
    tmp_path: Path, x: Array, y: Array | None = None, kind: TargetKind = "class", **others: Array
) -> Source:
    y = np.arange(len(x)) % 2 if y is None else y
    contents: dict[str, Any] = {"x": x, "y": y, **others}
    np.savez(tmp_path / "data.npz", **contents)
    keys: dict[str, Any] = {key: key for key in others}
    return arrays(tmp_path / "data.npz", target_kind=kind, **keys).source()


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "sample"),
    [
        ((4, 5), "float64", "vector", ((5,), "float32")),
        ((4, 5), "uint8", "vector", ((5,), "float32")),
        ((4,), "int64", "vector", ((1,), "float32")),
        ((4, 6, 7), "uint8", "image", ((1, 6, 7), "uint8")),
        ((4, 3, 6, 7), "float64", "image", ((3, 6, 7), "float32")),
        ((4, 6, 7, 3), "uint8", "image", ((3, 6, 7), "uint8")),
        ((4, 3, 6, 4), "uint8", "image", ((3, 6, 4), "uint8")),
        ((4, 6, 7, 1), "uint16", "image", ((1, 6, 7), "float32")),
        ((4, 6, 7, 8), "uint8", "tensor", ((6, 7, 8), "uint8")),
        ((4, 6, 7), "int64", "tensor", ((6, 7), "int64")),
        ((4, 2, 3, 4, 5), "float16", "tensor", ((2, 3, 4, 5), "float32")),
    ],
)
def test_shapes_decide_what_samples_are(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, kind: str, sample: tuple[tuple[int, ...], str]
) -> None:
    source = _saved(tmp_path, np.ones(shape, dtype))
    assert source.kind == kind
    assert (source.read(3).shape, str(source.read(3).dtype)) == sample
    assert source.array is not None
    assert len(source.array) == 4
    assert source.manifest.filenames.to_list() == ["0", "1", "2", "3"]


def test_values_of_images(tmp_path: Path) -> None:
    deep = np.array([0, 65535, 13107, 1], np.uint16).reshape(2, 2, 1)
    np.testing.assert_allclose(_saved(tmp_path, deep).read(1)[0], [[0.2], [1 / 65535]], rtol=1e-6)
    last = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(_saved(tmp_path, last).read(1), last[1].transpose(2, 0, 1))
    floats = np.array([-3.0, 7.0]).reshape(2, 1, 1)
    assert _saved(tmp_path, floats).read(0)[0, 0, 0] == -3


def test_targets_of_every_kind(tmp_path: Path) -> None:
    x = np.zeros((3, 2))
    texts = _saved(tmp_path, x, np.array(["b", "a", "b"])).manifest
    assert (texts.names, texts.targets.tolist()) == (("a", "b"), [1, 0, 1])
    numbers = _saved(tmp_path, x, np.array([[10.0], [9.0], [10.0]])).manifest
    assert (numbers.names, numbers.targets.tolist()) == (("9", "10"), [1, 0, 1])
    labels = _saved(tmp_path, x, np.array([[0, 1], [1, 1], [0, 0]]), "labels").manifest
    assert (labels.names, str(labels.targets.dtype)) == (("0", "1"), "uint8")
    assert labels.targets.tolist() == [[0, 1], [1, 1], [0, 0]]
    value = _saved(tmp_path, x, np.array([0.5, 1, 2]), "value").manifest
    assert (value.names, str(value.targets.dtype)) == (("y",), "float32")
    assert value.targets.tolist() == [[0.5], [1], [2]]
    values = _saved(tmp_path, x, np.zeros((3, 2)), "value").manifest
    assert values.names == ("y_0", "y_1")


def test_splits_and_groups(tmp_path: Path) -> None:
    manifest = _saved(
        tmp_path, np.zeros((3, 2)), split=np.array(["train", "VALID", "test"]), group=np.array([7, 7, 8])
    ).manifest
    assert manifest.splits is not None
    assert manifest.splits.to_list() == ["train", "val", "test"]
    assert manifest.groups is not None
    assert manifest.groups.to_list() == ["7", "7", "8"]
    with pytest.raises(DataError, match="row 1: 'dev' is no split; write train, val or test"):
        _saved(tmp_path, np.zeros((2, 2)), split=np.array(["train", "dev"]))


def test_two_npy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 2)))
    np.save(tmp_path / "labels.npy", np.array([0, 1, 0, 1]))
    manifest = (
        arrays(tmp_path / "x.npy", target=str(tmp_path / "labels.npy"), target_kind="class").source().manifest
    )
    assert manifest.targets.tolist() == [0, 1, 0, 1]
    with pytest.raises(ConfigError, match=r"'y' is no \.npy file; give the path"):
        arrays(tmp_path / "x.npy", target_kind="class").source()


def test_wrong_keys_are_told_together(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 2)), labels=np.arange(2))
    with pytest.raises(DataError) as caught:
        arrays(tmp_path / "a.npz", input="image", target="label", target_kind="class").source()
    assert "no array is called 'image'; did you mean 'images'?" in str(caught.value)
    assert "no array is called 'label'; did you mean 'labels'?" in str(caught.value)


class _Marker:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def test_objects_are_refused_and_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.array([_Marker(), _Marker()], dtype=object), y=np.arange(2))
    with pytest.raises(DataError, match="arrays of objects are not read"):
        arrays("a.npz", target_kind="class").source()
    assert not Path("executed").exists()


def test_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'y' has 2 rows, 'x' 3"):
        _saved(tmp_path, np.zeros((3, 2)), np.arange(2))
    with pytest.raises(DataError, match=r"data\.npz, row 1: the sample is not finite; replace"):
        _saved(tmp_path, np.array([[1, 2], [np.nan, 1]]))
    with pytest.raises(DataError, match="row 1: its target 'y' is nan, not a finite number"):
        _saved(tmp_path, np.zeros((2, 2)), np.array([1, np.nan]), "value")
    with pytest.raises(DataError, match="row 1: its target 'y' is 2, not 0 or 1"):
        _saved(tmp_path, np.zeros((2, 2)), np.array([[1, 0], [2, 0]]), "labels")
    with pytest.raises(DataError, match=r"are float64, not whole numbers or texts; .*task: regression"):
        _saved(tmp_path, np.zeros((2, 2)), np.array([0.5, 1.5]))
    with pytest.raises(DataError, match="samples are <U1, not numbers"):
        _saved(tmp_path, np.array([["a"], ["b"]]))
    with pytest.raises(DataError, match="there is no sample"):
        _saved(tmp_path, np.zeros((0, 2)))
    with pytest.raises(DataError, match=r"gone\.npz: there is no such file"):
        arrays(tmp_path / "gone.npz", target_kind="class").source()
    with pytest.raises(DataError, match=r"from '\.csv' files; use \.npz or \.npy"):
        arrays(tmp_path / "a.csv", target_kind="class").source()
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(DataError, match=r"broken\.npz: can't be read"):
        arrays(tmp_path / "broken.npz", target_kind="class").source()
