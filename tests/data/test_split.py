from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.manifest import Manifest
from epochal.data.split import SPLITS, SUPPLIED, Split, build_split, split_table
from epochal.errors import ConfigError, DataError


def _manifest(
    classes: list[int] | None = None, count: int = 0, groups: list[str] | None = None, splits: str = ""
) -> Manifest:
    """Samples of these classes, or with values; ``splits`` has a letter (t, v, e) for each row."""
    size = len(classes) if classes is not None else count
    words = {"t": "train", "v": "val", "e": "test"}
    return Manifest(
        filenames=pl.Series([f"{row:03d}.png" for row in range(size)]),
        targets=np.array(classes, np.int64) if classes is not None else np.zeros((size, 1), np.float32),
        target_kind="class" if classes is not None else "value",
        names=tuple(f"c{index}" for index in range(max(classes) + 1)) if classes is not None else ("y",),
        groups=pl.Series(groups) if groups else None,
        splits=pl.Series([words[letter] for letter in splits]) if splits else None,
    )


def _split(manifest: Manifest, name: str | None = None, seed: int = 0, **arguments: Any) -> Split:
    return build_split(Component(name=name, **arguments) if name else None, manifest, seed)


def _sizes(split: Split) -> tuple[int, int, int]:
    return len(split.train), len(split.val), len(split.test)


def _assert_partition(split: Split, count: int) -> None:
    rows = np.concatenate([split.train, split.val, split.test])
    assert sorted(rows.tolist()) == list(range(count))
    for name in ("train", "val", "test"):
        assert split.rows(name).dtype == np.int64
        assert split.rows(name).tolist() == sorted(split.rows(name).tolist())


def test_random_keeps_the_proportions_of_every_class() -> None:
    classes = [0] * 500 + [1] * 300 + [2] * 37
    split = _split(_manifest(classes), "random", val=0.1, test=0.2)
    _assert_partition(split, 837)
    assert _sizes(split) == (586, 84, 167)
    for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        counts = np.bincount(np.array(classes)[split.rows(name)])
        np.testing.assert_allclose(counts, np.array([500, 300, 37]) * share, atol=1.01)


def test_random_is_decided_by_the_seed_alone() -> None:
    manifest = _manifest([0, 1] * 50)
    first, again, other = (_split(manifest, "random", seed=seed) for seed in (3, 3, 4))
    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != other.test.tolist()
    rows = first.test.tolist()
    assert max(np.diff(rows)) > 2  # drawn from everywhere, not a block
    assert rows != list(range(rows[0], rows[0] + len(rows)))


def test_rare_classes_are_in_every_split() -> None:
    classes = [0] * 90 + [1] * 3 + [2] * 4
    for seed in range(5):
        split = _split(_manifest(classes), "random", seed=seed, val=0.3, test=0.5)
        for name in split.names():
            assert set(np.array(classes)[split.rows(name)]) == {0, 1, 2}


def test_stratifying_says_which_class_has_too_few_rows() -> None:
    manifest = _manifest([0] * 20 + [1] * 2 + [2] * 1)
    with pytest.raises(DataError) as caught:
        _split(manifest, "random")
    assert [problem.what for problem in caught.value.problems] == [
        "class 'c1' has 2 rows for 3 splits",
        "class 'c2' has 1 row for 3 splits",
    ]
    assert "set stratify: false" in str(caught.value)
    assert _sizes(_split(_manifest([0] * 20 + [1] * 2), "random", test=0)) == (19, 3, 0)


def test_a_class_that_is_never_trained_is_an_error_without_stratifying_too() -> None:
    manifest = _manifest([0] * 20 + [1])
    refused = 0
    for seed in range(20):
        try:
            split = _split(manifest, "random", seed=seed, val=0.3, test=0.3, stratify=False)
        except DataError:
            refused += 1
        else:
            assert 20 in split.train
    assert 0 < refused < 20


def test_random_without_classes_and_without_a_test_split() -> None:
    split = _split(_manifest(count=10), "random", val=0.25, test=0.0)
    _assert_partition(split, 10)
    assert _sizes(split) == (8, 2, 0)
    assert list(split.names()) == ["train", "val"]
    assert _sizes(_split(_manifest(count=3), "random", val=0.01, test=0.01)) == (1, 1, 1)
    with pytest.raises(DataError, match="the data has 2 rows for 3 splits; add rows, or set test: 0"):
        _split(_manifest(count=2), "random")


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0, 0.2), (-0.1, 0.2), (0.1, -0.2), (1.0, 0.0), (float("nan"), 0.1)]
)
def test_proportions_out_of_range(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="leave no sound split; val must be above 0"):
        _split(_manifest([0, 1] * 20), "random", val=shares[0], test=shares[1])
    with pytest.raises(DataError, match="leave no sound split"):
        _split(_manifest([0, 1] * 20, groups=["a", "b"] * 20), "grouped", val=shares[0], test=shares[1])


def test_groups_never_straddle_and_proportions_are_near() -> None:
    generator = np.random.default_rng(0)
    groups = [f"patient {number}" for number in generator.integers(0, 60, 600)]
    classes = generator.integers(0, 3, 600).tolist()
    manifest = _manifest(classes, groups=groups)
    split = _split(manifest, "grouped", val=0.15, test=0.2)
    _assert_partition(split, 600)
    of = [set(np.array(groups)[split.rows(name)]) for name in ("train", "val", "test")]
    assert sum(len(members) for members in of) == len(set(groups))
    np.testing.assert_allclose(_sizes(split), [390, 90, 120], atol=12)
    for name, share in (("train", 0.65), ("val", 0.15), ("test", 0.2)):
        counts = np.bincount(np.array(classes)[split.rows(name)])
        np.testing.assert_allclose(counts / np.bincount(classes), share, atol=0.05)
    assert split.test.tolist() == _split(manifest, "grouped", val=0.15, test=0.2).test.tolist()
    assert split.test.tolist() != _split(manifest, "grouped", seed=1, val=0.15, test=0.2).test.tolist()


@pytest.mark.parametrize("shares", [(0.1, 0.0), (0.1, 0.2), (0.2, 0.2)])
def test_small_groups_of_a_class_each_keep_the_shares_of_the_classes(shares: tuple[float, float]) -> None:
    classes = [0, 0] * 60 + [1, 1] * 40  # a patient a pair, as of eyes
    manifest = _manifest(classes, groups=[f"patient {row // 2}" for row in range(200)])
    split = _split(manifest, "grouped", val=shares[0], test=shares[1])
    for name, share in zip(("val", "test"), shares, strict=True):
        counts = np.bincount(np.array(classes)[split.rows(name)], minlength=2)
        np.testing.assert_allclose(counts, [120 * share, 80 * share], atol=2)


def test_few_groups_still_fill_every_split() -> None:
    split = _split(_manifest(count=30, groups=["a"] * 10 + ["b"] * 10 + ["c"] * 10), "grouped")
    assert _sizes(split) == (10, 10, 10)
    with pytest.raises(DataError, match="2 groups can't fill 3 splits; add groups, set test: 0"):
        _split(_manifest(count=30, groups=["a"] * 10 + ["b"] * 20), "grouped")
    with pytest.raises(DataError, match="the data has no groups; name the column"):
        _split(_manifest(count=30), "grouped")


def test_a_class_within_one_group_is_told_where_it_can_not_train() -> None:
    manifest = _manifest([0] * 40 + [1] * 40, groups=["a"] * 20 + ["b"] * 20 + ["c"] * 40)
    with pytest.raises(DataError, match=r"class 'c[01]' \(40 rows\) has no row in train"):
        _split(manifest, "grouped")


def test_written_splits_are_read_back(tmp_path: Path) -> None:
    manifest = _manifest([0, 1] * 20)
    split = _split(manifest, "random")
    frame = split_table(split, manifest)
    assert frame.columns == ["INDEX", "FILENAME", "SPLIT"]
    assert frame["INDEX"].to_list() == list(range(40))
    frame.with_columns(FOLD=0).write_csv(tmp_path / "split.csv")
    again = _split(manifest, "file", path=str(tmp_path / "split.csv"))
    for name in ("train", "val", "test"):
        assert again.rows(name).tolist() == split.rows(name).tolist()
    groups = pl.Series([f"p{row}" for row in range(40)])
    grouped = split_table(split, manifest, groups)
    assert grouped.drop("GROUP").equals(frame)
    assert grouped["GROUP"].to_list() == groups.to_list()
    grouped.write_csv(tmp_path / "groups.csv")
    assert _split(manifest, "file", path=str(tmp_path / "groups.csv")).test.tolist() == split.test.tolist()
    assert split.origin == "random(val=0.1, test=0.2, stratify=true)"
    assert again.origin == f"file {tmp_path}/split.csv"


@pytest.mark.parametrize(
    "text",
    [
        "split,filename\nTrain,000.png\nVALID,001.png\ntest,002.png\n",
        "Index;Split\n2;test\n0;train\n1;Validation\n",
        "FILENAME,INDEX,SPLIT\n002.png,7,test\n001.png,8,val\n000.png,9,train\n",
    ],
)
def test_split_files_in_any_case_and_order(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    split = _split(_manifest(count=3), "file", path=str(tmp_path / "split.csv"))
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == ([0], [1], [2])


def test_mistakes_in_a_split_file_name_their_line(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("FILENAME,SPLIT\n000.png,train\n1.png,val\n001.png,\n000.png,val\n002.png,dev\n,test\n")
    with pytest.raises(DataError) as caught:
        _split(_manifest(count=4), "file", path=str(path))
    told = str(caught.value)
    assert f"{path}:3: the data has no '1.png'" in told
    assert f"{path}:4: 'SPLIT' is empty; write train, val or test" in told
    assert f"{path}:5: '000.png' is listed at {path}:2 already" in told
    assert f"{path}:6: 'dev' is no split" in told
    assert f"{path}:7: 'FILENAME' is empty" in told
    assert f"{path}: '003.png' is not listed; list it, or set partial: true" in told
    assert len(caught.value.problems) == 6
    path.write_text("NAME,SPLIT\na,train\n")
    with pytest.raises(
        DataError, match="it needs the columns SPLIT, and FILENAME or INDEX; it has NAME, SPLIT"
    ):
        _split(_manifest(count=4), "file", path=str(path))


def test_a_partial_file_leaves_rows_out(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("INDEX,SPLIT\n0,train\n3,val\n")
    split = _split(_manifest(count=5), "file", path=str(path), partial=True)
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == ([0], [3], [])
    assert split_table(split, _manifest(count=5)).rows() == [(0, "000.png", "train"), (3, "003.png", "val")]
    path.write_text("INDEX,SPLIT\n0,train\n3,test\n")
    with pytest.raises(DataError, match="val has no row"):
        _split(_manifest(count=5), "file", path=str(path), partial=True)


def test_the_split_of_the_data_is_the_default() -> None:
    split = _split(_manifest([0, 1, 0, 1, 0, 1], splits="ttveve"))
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == ([0, 1], [2, 4], [3, 5])
    assert split.origin == "column"
    assert _split(_manifest([0, 1] * 20)).origin.startswith("random")
    with pytest.raises(DataError, match="the data comes without a split; use random"):
        _split(_manifest([0, 1] * 20), "column")


def test_validation_is_drawn_from_train_where_the_data_has_none() -> None:
    classes = [0] * 60 + [1] * 40 + [0, 1] * 10
    manifest = _manifest(classes, splits="t" * 100 + "e" * 20)
    split = _split(manifest)
    _assert_partition(split, 120)
    assert split.test.tolist() == list(range(100, 120))
    assert np.bincount(np.array(classes)[split.val]).tolist() == [6, 4]
    assert len(_split(manifest, "column", val=0.3).val) == 30
    assert split.val.tolist() != _split(manifest, seed=1).val.tolist()
    with pytest.raises(DataError, match="no row of the data is a train row"):
        _split(_manifest([0, 1, 0], splits="eee"))
    with pytest.raises(DataError, match=r"class 'c1' \(1 row\) has no row in train"):
        _split(_manifest([0, 1, 0], splits="tvv"))


MODULE = """
import numpy as np
from epochal.data.split import Split

def halves(manifest, seed, overlap=0, beyond=0):
    middle = len(manifest) // 2
    rows = np.arange(len(manifest) + beyond)
    return Split(rows[:middle + overlap], rows[middle:], rows[:0], "halves")

def nothing(manifest, seed):
    return None
"""


def test_a_users_own_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_splits.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    manifest = _manifest([0, 1] * 3)
    assert _sizes(_split(manifest, "own_splits:halves")) == (3, 3, 0)
    with pytest.raises(DataError, match="a row is in two splits"):
        _split(manifest, "own_splits:halves", overlap=1)
    with pytest.raises(DataError, match="row 6 is not among the 6 rows"):
        _split(manifest, "own_splits:halves", beyond=1)
    with pytest.raises(ConfigError, match=r"returns a NoneType; return an epochal\.data\.split\.Split"):
        _split(manifest, "own_splits:nothing")


def test_every_named_split_takes_what_is_supplied() -> None:
    import inspect

    for name in SPLITS.names:
        assert set(SUPPLIED) <= set(inspect.signature(SPLITS.resolve(name)).parameters)
