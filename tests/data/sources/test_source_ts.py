from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from epochal.data.sources.ts import read_ts, ts
from epochal.errors import DataError

HEAD = "# a comment\n@problemName Toy\n@classLabel true a b\n@data\n"


def test_a_file_of_channels_and_labels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.ts"
    path.write_text(HEAD + "1,2,3:4,5,6:b\n7,?,9:1,1,1:a\n")
    source = ts(path, missing="interpolate", target_kind="class")
    assert source.array is not None
    np.testing.assert_array_equal(source.array, [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 1, 1]]])
    assert [source.manifest.names[row] for row in source.manifest.targets] == ["b", "a"]
    with pytest.raises(DataError, match="series 1: has a missing value; set missing: interpolate"):
        ts(path, target_kind="class")
    names, samples = read_ts(path, length=2, missing="interpolate")
    assert names == ["0", "1"]
    np.testing.assert_array_equal(samples[:, 0], [[2, 3], [8, 9]])


def test_the_two_files_of_a_folder_are_its_split(tmp_path: Path) -> None:
    (tmp_path / "Toy_TRAIN.ts").write_text(HEAD + "1,2:a\n3,4:b\n")
    (tmp_path / "Toy_TEST.ts").write_text(HEAD + "5,6:a\n")
    source = ts(tmp_path, target_kind="class")
    assert source.manifest.splits is not None
    assert source.manifest.splits.to_list() == ["train", "train", "test"]
    (tmp_path / "Toy_TEST.ts").unlink()
    with pytest.raises(DataError, match=r"0 files called \.\.\._TEST\.ts"):
        ts(tmp_path, target_kind="class")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2:a\n", "has no line @data"),
        (HEAD, "has no series"),
        (HEAD + "1,2:a\n1,x:b\n", "toy.ts:6: can't be read"),
        (HEAD + "1,2:a\n1,2:3,4:b\n", "toy.ts:6: has 2 channels, the first series 1"),
        (HEAD + "1,2:a\n1,2,3:b\n", "series have 2 to 3 steps; set 'length'"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "toy.ts"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        ts(path, target_kind="class")
    assert message in str(raised.value)
