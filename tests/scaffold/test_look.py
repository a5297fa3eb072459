"""What a look at a user's data finds."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from PIL import Image

from epochal.errors import DataError, RequestError
from epochal.scaffold.look import look, quoted


def images(root: Path, *folders: str, sizes: tuple[tuple[int, int], ...] = ((16, 16),)) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number, size in enumerate(sizes):
            Image.new("RGB", size).save(root / folder / f"{number}.png")
    return root


def test_folders_are_classes_and_sizes_that_differ_are_made_one(tmp_path: Path) -> None:
    found = look(images(tmp_path / "skin", "mole", "naevus", sizes=((40, 60), (52, 44), (48, 90))), "")
    assert (found.kind, found.classes, found.split) == ("image", ("mole", "naevus"), "random")
    assert found.prepare == ("{name: resize, size: 40}",)
    assert found.line == "6 images of 2 classes"


def test_folders_of_splits_are_no_classes(tmp_path: Path) -> None:
    found = look(images(tmp_path / "skin", "train/a", "train/b", "test/a", "test/b"), "image")
    assert (found.classes, found.split, found.prepare) == (("a", "b"), "column", ())


def test_images_and_masks_are_a_segmentation(tmp_path: Path) -> None:
    assert look(images(tmp_path / "x", "images", "masks"), "").kind == "segmentation"


def test_a_gan_needs_no_classes(tmp_path: Path) -> None:
    assert look(images(tmp_path / "faces", "."), "gan").task == "generation"


def test_texts_and_sounds_are_told_by_their_endings(tmp_path: Path) -> None:
    for name in ("ham", "spam"):
        (tmp_path / "mails" / name).mkdir(parents=True)
        (tmp_path / "mails" / name / "1.txt").write_text("a letter")
        (tmp_path / "calls" / name).mkdir(parents=True)
        with wave.open(str(tmp_path / "calls" / name / "1.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * 8000))
    assert look(tmp_path / "mails", "").source.startswith("{name: text_folder")
    assert look(tmp_path / "calls", "").prepare == ("mono", "{name: fixed_length, seconds: 1.0, pad: repeat}")


@pytest.mark.parametrize(
    ("rows", "task", "classes", "target"),
    [
        (["size,label,town", "1.5,yes,a", "2.5,no,b"], "classification", ("no", "yes"), "label"),
        (["size,town,price", "1,a,10.5", "2,b,20.25"], "regression", (), "price"),
        (["size,town,stars", "1,a,5", "2,b,1"], "classification", ("1", "5"), "stars"),
    ],
)
def test_the_target_of_a_table(
    tmp_path: Path, rows: list[str], task: str, classes: tuple[str, ...], target: str
) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("\n".join(rows))
    found = look(table, "")
    assert (found.kind, found.task, found.classes, found.target) == ("table", task, classes, target)


def test_columns_of_files_and_of_sentences_are_the_samples(tmp_path: Path) -> None:
    images(tmp_path, "scans")
    (tmp_path / "scans.csv").write_text("image,label\nscans/0.png,a\nscans/0.png,b\n")
    assert "file: image" in look(tmp_path / "scans.csv", "").source
    (tmp_path / "mails.csv").write_text("mail,spam\nwin a lot of money,1\nsee you at the meeting,0\n")
    assert "text: mail" in look(tmp_path / "mails.csv", "").source


def test_the_target_of_series_is_what_each_has_one_of(tmp_path: Path) -> None:
    (tmp_path / "gait.csv").write_text("id,step,x,y,ill\n1,0,3,4,no\n1,1,4,5,no\n2,0,6,7,yes\n")
    found = look(tmp_path / "gait.csv", "series")
    assert "id: id, time: step, length: 2, target: ill" in found.source


def test_what_no_template_is_for_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or table"):
        look(tmp_path / "nothing", "")
    with pytest.raises(DataError, match="put those of each class into a folder of its own"):
        look(images(tmp_path / "all", "."), "")
    with pytest.raises(RequestError, match="nothing for --template audio"):
        look(images(tmp_path / "skin", "a", "b"), "audio")


def test_words_that_yaml_would_take_for_something_else_are_quoted() -> None:
    assert [quoted(text) for text in ("a/b-c.csv", "no", "1", 'a "b"')] == [
        "a/b-c.csv",
        '"no"',
        '"1"',
        r'"a \"b\""',
    ]
