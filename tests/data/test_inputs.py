from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from epochal.data.inputs import Inputs, open_inputs
from epochal.errors import DataError, RequestError


def _image(path: Path, value: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 2), value).save(path)
    return str(path)


def _images(*paths: str | Path, channels: int | None = 1) -> Inputs:
    return open_inputs(paths, "image", channels, ())


def _vectors(*paths: str | Path, features: tuple[str, ...] = ()) -> Inputs:
    return open_inputs(paths, "vector", None, features)


def test_images_and_folders(tmp_path: Path) -> None:
    single = _image(tmp_path / "single.png", 1)
    _image(tmp_path / "folder" / "b.png", 2)
    _image(tmp_path / "folder" / "a" / "c.png", 3)
    _image(tmp_path / "folder" / ".hidden.png")
    (tmp_path / "folder" / "readme.txt").touch()
    inputs = _images(single, tmp_path / "folder", channels=3)
    assert len(inputs) == 3
    assert inputs.filenames == [single, "a/c.png", "b.png"]
    assert [inputs.read(row)[2, 0, 0] for row in range(3)] == [1, 3, 2]
    assert inputs.read(0).shape == (3, 2, 3)


def test_equal_names_in_two_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _image(Path("one/a.png"), 1)
    _image(Path("two/a.png"), 2)
    inputs = _images("one/", "two")
    assert inputs.filenames == ["one/a.png", "two/a.png"]
    assert [inputs.read(row)[0, 0, 0] for row in range(2)] == [1, 2]


def test_arrays_of_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    inputs = _images(tmp_path / "a.npy", channels=3)
    assert inputs.filenames == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(inputs.read(2), pixels[2].transpose(2, 0, 1))
    with pytest.raises(RequestError, match=r"a\.npy: 3 channels, but the model takes 1"):
        _images(tmp_path / "a.npy")
    with pytest.raises(
        RequestError, match=r"holds samples of kind image; the model takes samples of kind vector"
    ):
        _vectors(tmp_path / "a.npy")


def test_arrays_by_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "only.npz", measured=np.ones((2, 3)))
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3)), y=np.arange(2))
    np.savez(tmp_path / "unknown.npz", a=np.zeros((2, 3)), b=np.arange(2))
    inputs = _vectors(tmp_path / "only.npz", tmp_path / "x.npz")
    assert inputs.filenames[2:] == [f"{tmp_path}/x.npz:0", f"{tmp_path}/x.npz:1"]
    assert [inputs.read(row).tolist() for row in (1, 2)] == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(RequestError, match="no array is called 'x'; known: a, b"):
        _vectors(tmp_path / "unknown.npz")
    with pytest.raises(RequestError, match="3 features, but the model takes 2"):
        _vectors(tmp_path / "x.npz", features=("a", "b"))
    np.save(tmp_path / "t.npy", np.zeros((2, 3, 4, 5, 6)))
    assert open_inputs([tmp_path / "t.npy"], "tensor", None, ()).read(0).shape == (3, 4, 5, 6)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "xlsx"])
def test_tables_give_the_features_in_the_models_order(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"extra": ["u", "v"], "b": [1.5, 2.5], "a": [3, 4]})
    path = tmp_path / f"t.{suffix}"
    name = {"jsonl": "ndjson", "xlsx": "excel"}.get(suffix, suffix)
    getattr(frame, f"write_{name}")(path)
    inputs = _vectors(path, features=("a", "b"))
    assert inputs.filenames == ["0", "1"]
    assert [inputs.read(row).tolist() for row in range(2)] == [[3, 1.5], [4, 2.5]]
    assert inputs.read(0).dtype == np.float32
    assert _vectors(path).read(0).tolist() == [1.5, 3]


def test_wrong_tables(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,weight\n1,2\n3,\n")
    with pytest.raises(RequestError, match=r"t\.csv: no column is called 'wieght'; did you mean 'weight'"):
        _vectors(path, features=("age", "wieght"))
    with pytest.raises(RequestError, match=r"t\.csv:3: 'weight' is empty"):
        _vectors(path, features=("age", "weight"))


def test_what_can_not_be_predicted_is_told_together(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(RequestError) as caught:
        _images(tmp_path / "gone.png", tmp_path / "notes.txt", tmp_path / "empty", tmp_path / "t.csv")
    told = str(caught.value)
    assert "gone.png: there is no such file or folder" in told
    assert "'.txt' files are no input here; the model takes samples of kind image: give .bmp" in told
    assert "empty: there is no image in this folder" in told
    assert "t.csv: '.csv' files are no input here" in told
    with pytest.raises(RequestError, match="this is a folder; the model takes samples of kind vector: give"):
        _vectors(tmp_path / "empty")
    with pytest.raises(RequestError, match="there is no input"):
        _images()


def test_a_broken_image_is_found_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    inputs = _images(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: this is no image"):
        inputs.read(0)
