from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from epochal.data.manifest import Array
from epochal.data.sources.idx import idx
from epochal.errors import ConfigError, DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([2, 0, 1, 1, 0, 2], np.uint8)


def _write(path: Path, array: Array) -> None:
    data = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def _write_all(root: Path, ending: str = ".gz") -> None:
    _write(root / f"train-images-idx3-ubyte{ending}", IMAGES[:4])
    _write(root / f"train-labels-idx1-ubyte{ending}", LABELS[:4])
    _write(root / f"t10k-images-idx3-ubyte{ending}", IMAGES[4:])
    _write(root / f"t10k-labels-idx1-ubyte{ending}", LABELS[4:])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_four_files_are_train_and_test(tmp_path: Path, ending: str) -> None:
    _write_all(tmp_path, ending)
    source = idx(tmp_path, target_kind="class")
    assert source.kind == "image"
    assert source.array is not None
    np.testing.assert_array_equal(source.array, IMAGES[:, None])
    assert source.manifest.targets.tolist() == LABELS.tolist()
    assert source.manifest.names == ("0", "1", "2")
    assert source.manifest.splits is not None
    assert source.manifest.splits.to_list() == ["train"] * 4 + ["test"] * 2


def test_names_and_a_training_set_alone(tmp_path: Path) -> None:
    _write(tmp_path / "train-images-idx3-ubyte", IMAGES)
    _write(tmp_path / "train-labels-idx1-ubyte", LABELS)
    manifest = idx(tmp_path, names=["shirt", "shoe", "bag"], target_kind="class").manifest
    assert manifest.names == ("shirt", "shoe", "bag")
    assert manifest.splits is not None
    assert set(manifest.splits) == {"train"}
    with pytest.raises(DataError, match="2 names, but labels from 0 to 2; name every class"):
        idx(tmp_path, names=["shirt", "shoe"], target_kind="class")


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        idx(tmp_path, target_kind="class")
    assert len(caught.value.problems) == 2
    assert "there is no train-images-idx3-ubyte or .gz of it" in str(caught.value)
    _write_all(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="there is no t10k-labels-idx1-ubyte"):
        idx(tmp_path, target_kind="class")
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    _write(path, LABELS)
    with pytest.raises(DataError, match=r"2 images of .* with 6 labels"):
        idx(tmp_path, target_kind="class")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: can't be unpacked"):
        idx(tmp_path, target_kind="class")
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1, 2])))
    with pytest.raises(DataError, match=r"holds 2 values where its header says \(9,\)"):
        idx(tmp_path, target_kind="class")
    path.write_bytes(gzip.compress(b"PNG"))
    with pytest.raises(DataError, match="is no IDX file of 1 dimensions"):
        idx(tmp_path, target_kind="class")
    with pytest.raises(DataError, match="there is no such folder"):
        idx(tmp_path / "gone", target_kind="class")
    with pytest.raises(ConfigError, match="task: classification"):
        idx(tmp_path, target_kind="labels")


def test_a_few_of_each_class(tmp_path: Path) -> None:
    _write_all(tmp_path)
    source = idx(tmp_path, train_per_class=1, test_per_class=1, target_kind="class")
    assert source.array is not None
    np.testing.assert_array_equal(source.array, IMAGES[[0, 1, 2, 4, 5], None])
    assert source.manifest.targets.tolist() == [2, 0, 1, 0, 2]
