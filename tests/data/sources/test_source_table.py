from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.data.sources.table import table
from epochal.errors import ConfigError, DataError


def _csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(text)
    return path


def _image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 2), value).save(path)


def test_images_with_classes_groups_and_splits(tmp_path: Path) -> None:
    for name in ("001.png", "sub/2.png", "3.png"):
        _image(tmp_path / name, 7)
    path = _csv(
        tmp_path,
        "img,kind,patient,part\n001.png,10,007,Train\n./sub/2.png,9,007,validation\nsub/../3.png,10,008,TEST\n",
    )
    source = table(
        path, file="img", target="kind", group="patient", split="part", target_kind="class"
    ).source()
    manifest = source.manifest
    assert manifest.filenames.to_list() == ["001.png", "sub/2.png", "3.png"]
    assert manifest.names == ("9", "10")
    assert manifest.targets.tolist() == [1, 0, 1]
    assert manifest.groups is not None
    assert manifest.groups.to_list() == ["007", "007", "008"]
    assert manifest.splits is not None
    assert manifest.splits.to_list() == ["train", "val", "test"]
    np.testing.assert_array_equal(source.read(1), np.full((1, 2, 3), 7))


def test_features_are_the_numeric_columns_without_another_part(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a,b,name,y,site\n1,2.5,x,0.5,1\n3,-1e3,z,1,2\n")
    source = table(path, target="y", group="site", target_kind="value").source()
    assert source.kind == "vector"
    assert source.features == ("a", "b")
    assert source.array is not None
    assert source.array.dtype == np.float32
    np.testing.assert_array_equal(source.array, np.array([[1, 2.5], [3, -1000]], np.float32))
    np.testing.assert_array_equal(source.read(1), source.array[1])
    assert source.manifest.filenames.to_list() == ["0", "1"]
    np.testing.assert_array_equal(source.manifest.targets, np.array([[0.5], [1]], np.float32))
    chosen = table(path, target=["y", "a"], features=["b", "site"], target_kind="value").source()
    assert chosen.features == ("b", "site")
    assert chosen.manifest.names == ("y", "a")
    assert chosen.manifest.targets.shape == (2, 2)


@pytest.mark.parametrize("separator", [";", "|", " ; "])
def test_labels_listed_in_one_column(tmp_path: Path, separator: str) -> None:
    path = _csv(tmp_path, f"x,tags\n1,sea{separator}sun\n2,\n3,sun\n4,ice{separator}\n")
    manifest = table(path, target="tags", target_kind="labels").source().manifest
    assert manifest.names == ("ice", "sea", "sun")
    assert manifest.targets.dtype == np.uint8
    assert manifest.targets.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_labels_as_columns_of_bits(tmp_path: Path) -> None:
    path = _csv(tmp_path, "x,cat,dog\n1,0,1\n2,1.0,true\n")
    manifest = table(path, target=["dog", "cat"], target_kind="labels").source().manifest
    assert manifest.names == ("dog", "cat")
    assert manifest.targets.tolist() == [[1, 0], [1, 1]]
    assert table(path, target="cat", features=["x"], target_kind="labels").source().manifest.names == ("cat",)
    _csv(tmp_path, "x,cat,dog\n1,0,1\n2,2,\n")
    with pytest.raises(DataError, match=r"data\.csv:3: 'cat' is '2'; write 0 or 1\n.*'dog' is empty"):
        table(path, target=["cat", "dog"], target_kind="labels").source()


def test_labels_as_lists_in_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1, "tags": ["b", "a"]}\n{"x": 2, "tags": []}\n')
    manifest = table(tmp_path / "a.jsonl", target="tags", target_kind="labels").source().manifest
    assert manifest.names == ("a", "b")
    assert manifest.targets.tolist() == [[1, 1], [0, 0]]


def test_what_is_wrong_in_rows_is_told_together_by_line(tmp_path: Path) -> None:
    _image(tmp_path / "1.png")
    _image(tmp_path.parent / "outside.png")
    (tmp_path / "link.png").symlink_to(tmp_path.parent / "outside.png")
    (tmp_path / "text.txt").touch()
    rows = [
        "1.png,1",
        "gone.png,1",
        "./1.png,1",
        "../outside.png,1",
        "link.png,1",
        ",1",
        "text.txt,1",
        "2.png,",
    ]
    path = _csv(tmp_path, "file,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as caught:
        table(path, file="file", target="y", target_kind="value").source()
    told = {problem.where.rpartition(":")[2] + " " + problem.what for problem in caught.value.problems}
    real = tmp_path.resolve()
    assert told == {
        "3 'gone.png' does not exist",
        "4 './1.png' is listed at " + f"{path}:2 already",
        f"5 '../outside.png' lies outside {real}",
        f"6 'link.png' lies outside {real}",
        "7 'file' is empty",
        "8 'text.txt' is no image by its ending",
        "9 'y' is empty",
        "9 '2.png' does not exist",
    }


def test_absolute_paths_need_a_root_that_holds_them(tmp_path: Path) -> None:
    _image(tmp_path / "images" / "1.png")
    _image(tmp_path / "images" / "2.png")
    (tmp_path / "tables").mkdir()
    path = _csv(tmp_path / "tables", f"f,y\n{tmp_path}/images/1.png,a\n{tmp_path}/images/2.png,b\n")
    with pytest.raises(
        DataError, match=r"lies outside .*; set 'root' of the source to a folder that holds all"
    ):
        table(path, file="f", target="y", target_kind="class").source()
    source = table(path, file="f", target="y", root=tmp_path, target_kind="class").source()
    assert source.manifest.filenames.to_list() == ["images/1.png", "images/2.png"]
    assert source.read(0).shape == (1, 2, 3)


def test_wrong_columns_are_told_with_the_nearest_ones(tmp_path: Path) -> None:
    path = _csv(tmp_path, "size,price\n1,2\n")
    with pytest.raises(DataError) as caught:
        table(path, target="prise", features=["size", "sizes"], target_kind="value").source()
    assert "no column is called 'prise'; did you mean 'price'?" in str(caught.value)
    assert "no column is called 'sizes'; did you mean 'size'?" in str(caught.value)


def test_features_that_are_no_numbers(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a,b,y\n1,red,1\ninf,blue,2\n3,green,nan\n")
    with pytest.raises(DataError) as caught:
        table(path, target="y", features=["a", "b"], target_kind="value").source()
    told = str(caught.value)
    assert "data.csv:3: 'a' is 'inf', not a finite number" in told
    assert "column 'b' can't be used: text, 3 different in 3 rows; leave it out, or say what it holds" in told
    assert "data.csv:4: 'y' is 'nan', not a finite number" in told
    with pytest.raises(
        DataError, match="no column but the target can be used; say what they hold as 'types'"
    ):
        table(_csv(tmp_path, "name,y\na,1\nb,2\n"), target="y", target_kind="value").source()


def test_requests_that_contradict_themselves(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a,b,y\n1,2,c\n2,3,d\n")
    with pytest.raises(ConfigError, match="a class is one column; name one column, or use task: multilabel"):
        table(path, target=["y", "a"], target_kind="class").source()
    with pytest.raises(ConfigError, match="'a' is a feature and the target"):
        table(path, target="a", features=["a"], target_kind="value").source()
    with pytest.raises(ConfigError, match="a table gives samples of one kind"):
        table(path, text="y", features=["a"], target="b", target_kind="value").source()
    with pytest.raises(DataError, match="all 2 targets are 'c'; classification needs two classes"):
        table(_csv(tmp_path, "a,y\n1,c\n2,c\n"), target="y", target_kind="class").source()


def test_digest_follows_features_and_targets(tmp_path: Path) -> None:
    digests = [
        table(_csv(tmp_path, text), target="y", target_kind="value").source().digest
        for text in ("a,y\n1,2\n", "a,y\n1,3\n", "a,y\n2,2\n", "a,y\n1.0,2.0\n")
    ]
    assert len(set(digests[:3])) == 3
    assert digests[3] == digests[0]


def test_the_other_columns_are_kept_for_subgroups(tmp_path: Path) -> None:
    lines = [f"{row / 7},{row % 2},{'fm'[row % 3 == 0]},{row % 4}" for row in range(60)]
    path = _csv(tmp_path, "x,smoker,sex,y\n" + "\n".join(lines) + "\n")
    columns = table(path, target="y", target_kind="class").source().manifest.columns
    assert columns is not None
    assert columns.columns == ["smoker", "sex", "y"]  # a feature of 60 values makes no groups
    assert columns["sex"].to_list()[:4] == ["m", "f", "f", "m"]
