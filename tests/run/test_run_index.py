"""The index of runs: as the folders are, however they were changed, and whatever became of the index."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from epochal.run.durable import Lock
from epochal.run.folder import RunFolder
from epochal.run.index import INDEX, Entry, entry_of, read_entries
from epochal.run.run import Run
from epochal.run.status import set_flag

CONFIG = """\
name: skin
seed: {seed}
optimizer: {{name: AdamW, lr: {rate}}}
data:
  augment:
    - {{name: rotation, degrees: 10}}
paths:
  runs: runs
derived:
  parameters: 7
"""


def make_run(root: Path, number: int, rate: str = "0.001", accuracy: float | None = 0.5) -> RunFolder:
    folder = RunFolder(root / "skin" / f"2026-01-02_03-04-{number:02}_aaaaaaa{number % 10}")
    folder.path.mkdir(parents=True)
    folder.config.write_text(CONFIG.format(seed=number, rate=rate))
    rows = [
        {"step": 5 * epoch, "epoch": epoch, "val/loss": 1.0, "train/loss": 1, "seconds": 1.5}
        for epoch in (1, 2)
    ]
    folder.history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if accuracy is not None:
        folder.scores("test").parent.mkdir()
        folder.scores("test").write_text(json.dumps({"overall": {"accuracy": accuracy}}))
        set_flag(folder, "finished", "finished")
    return folder


def statuses(root: Path) -> list[str]:
    return [entry.status for entry in read_entries(root)]


def accuracies(root: Path) -> list[float | None]:
    return [entry.metrics.get("test/accuracy") for entry in read_entries(root)]


def test_epochs_without_a_validation_score_count(tmp_path: Path) -> None:
    folder = make_run(tmp_path, 1)
    row = {"step": 15, "epoch": 3, "train/generator_loss": 1.0, "seconds": 1.5}
    folder.history.write_text(json.dumps(row) + "\n" + '{"step": 16, "epoch": 4, "train/batch_loss": 1.0}\n')
    assert [entry.epoch for entry in read_entries(tmp_path)] == [3]


def test_an_entry_says_what_its_files_say(tmp_path: Path) -> None:
    folder = make_run(tmp_path, 1)
    fresh, kept = read_entries(tmp_path), read_entries(tmp_path)
    assert fresh == kept == [entry_of(Run(folder.path))]
    assert kept[0] == Entry(
        run=Run(folder.path),
        status="finished",
        settings={
            "seed": 1,
            "optimizer.name": "AdamW",
            "optimizer.lr": 0.001,
            "data.augment.0.name": "rotation",
            "data.augment.0.degrees": 10,
        },
        metrics={"test/accuracy": 0.5},
        epoch=2,
        step=10,
        seconds=3.0,
        folds=0,
    )


def test_what_changes_in_the_folders_shows_at_once(tmp_path: Path) -> None:
    folders = [make_run(tmp_path, number, accuracy=None if number == 3 else 0.5) for number in (1, 2, 3)]
    assert statuses(tmp_path) == ["finished", "finished", "crashed"]
    folders[0].scores("test").write_text(json.dumps({"overall": {"accuracy": 0.75}}))
    folders[0].config.write_text(CONFIG.format(seed=1, rate="0.25"))
    shutil.rmtree(folders[1].path)
    set_flag(folders[2], "interrupted", "stopped by SIGINT")
    make_run(tmp_path, 4)
    assert statuses(tmp_path) == ["finished", "interrupted", "finished"]
    assert accuracies(tmp_path) == [0.75, None, 0.5]
    assert read_entries(tmp_path)[0].settings["optimizer.lr"] == 0.25
    content = json.loads((tmp_path / INDEX).read_text())
    assert len(content["runs"]) == 3  # nothing is kept of the folder that is gone


def test_a_run_at_work_is_looked_at_each_time_and_not_kept(tmp_path: Path) -> None:
    folder = make_run(tmp_path, 1, accuracy=None)
    with Lock(folder.lock):
        assert statuses(tmp_path) == ["running"]
        assert not (tmp_path / INDEX).exists()
        folder.history.write_text(json.dumps({"step": 99, "epoch": 9, "train/loss": 1.0}) + "\n")
        assert read_entries(tmp_path)[0].epoch == 9
    assert statuses(tmp_path) == ["crashed"]
    set_flag(folder, "failed", "no more")
    assert statuses(tmp_path) == ["failed"]


@pytest.mark.parametrize(
    "damage",
    [
        "",
        '{"version": 1, "runs": {"skin',
        "[]",
        '{"version": 99, "blocks": {}, "runs": {}}',
        '{"version": 1, "blocks": {}, "runs": {"skin/a": {"stamp": [], "settings": ["lost"]}}}',
    ],
)
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: str) -> None:
    make_run(tmp_path, 1)
    before = read_entries(tmp_path)
    written = (tmp_path / INDEX).read_text()
    (tmp_path / INDEX).write_text(damage)
    assert read_entries(tmp_path) == before
    assert (tmp_path / INDEX).read_text() == written


def test_names_are_kept_apart_and_the_index_holds_all_of_them(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    other = RunFolder(tmp_path / "moles" / "2026-01-01_00-00-00_bbbbbbbb")
    other.path.mkdir(parents=True)
    other.config.write_text("seed: 3\n")
    assert [entry.run.name for entry in read_entries(tmp_path)] == ["moles", "skin"]
    assert [entry.run.name for entry in read_entries(tmp_path, "skin")] == ["skin"]
    shutil.rmtree(other.path)
    read_entries(tmp_path, "skin")  # it says nothing of other names
    assert len(json.loads((tmp_path / INDEX).read_text())["runs"]) == 2
    assert [entry.run.name for entry in read_entries(tmp_path)] == ["skin"]


def test_broken_files_hide_no_other_run(tmp_path: Path) -> None:
    folders = [make_run(tmp_path, number) for number in (1, 2, 3, 4)]
    folders[0].config.write_text("optimizer: [")
    folders[1].scores("test").write_text("{")
    folders[2].history.write_text('{"step": "x"}\n[]\n')
    entries = read_entries(tmp_path)
    assert [len(entry.settings) for entry in entries] == [0, 5, 5, 5]
    assert accuracies(tmp_path) == [0.5, None, 0.5, 0.5]
    assert entries[2].step == 0


def test_nothing_to_list_leaves_nothing_behind(tmp_path: Path) -> None:
    assert read_entries(tmp_path / "runs") == []
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    (tmp_path / INDEX).mkdir()  # stands for a disk that is read-only, which root would write to
    assert accuracies(tmp_path) == [0.5]
    assert {path.name for path in tmp_path.iterdir()} == {"skin", INDEX}


def test_the_folds_of_a_cross_validation_are_one_row_with_their_means(tmp_path: Path) -> None:
    parent = make_run(tmp_path, 1, accuracy=None)
    parent.history.unlink()
    for number in ("1", "2"):
        fold = RunFolder(parent.path / "folds" / number)
        fold.path.mkdir(parents=True)
        fold.config.write_text("seed: 1\n")
        fold.history.write_text(json.dumps({"step": 1, "epoch": 1, "seconds": 2.0}) + "\n")
    folds: list[dict[str, object]] = [
        {"fold": number, "run": f"folds/{number}", "overall": {}} for number in (1, 2)
    ]
    content = {"folds": folds, "mean": {"accuracy": 0.7}, "std": {"accuracy": 0.1}, "pooled": {}}
    (parent.path / "crossval.json").write_text(json.dumps(content))
    set_flag(parent, "finished", "finished")
    (entry,) = read_entries(tmp_path)
    assert (entry.folds, entry.metrics, entry.seconds) == (2, {"test/accuracy": 0.7}, 4.0)


def _list(root: str) -> int:
    return min(len(read_entries(Path(root))) for _ in range(15))


def test_processes_that_list_at_once_all_see_every_run(tmp_path: Path) -> None:
    folders = [make_run(tmp_path, number) for number in range(30)]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pending = pool.map_async(_list, [str(tmp_path)] * 3)
        while not pending.ready():  # so that there is something to write each time
            folders[0].scores("test").write_text(json.dumps({"overall": {"accuracy": 0.5}}))
            pending.wait(0.002)
        assert pending.get(30) == [30, 30, 30]
    json.loads((tmp_path / INDEX).read_text())
