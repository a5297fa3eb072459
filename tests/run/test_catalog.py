from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from epochal.errors import RequestError
from epochal.run.catalog import find_run, list_runs, runs_of
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run


def run_folder(root: Path, name: str, experiment_id: str) -> RunFolder:
    """A run folder with a configuration, which makes it a run."""
    folder = create_run_folder(root, name, experiment_id)
    folder.config.write_text(f"name: {name}\n")
    return folder


def test_runs_of_one_second_keep_their_order(tmp_path: Path) -> None:
    made = [run_folder(tmp_path, "skin", experiment_id).path for experiment_id in ("ff", "ff", "00", "ff")]
    assert [run.path for run in list_runs(tmp_path)] == made
    assert [run.id for run in list_runs(tmp_path)] == ["ff", "ff", "00", "ff"]


def test_runs_of_different_names_in_one_second_are_ordered_by_when_they_were_written(tmp_path: Path) -> None:
    folders = [RunFolder(tmp_path / name / "2026-01-02_03-04-05_aa") for name in ("z", "m", "a")]
    for position, folder in enumerate(folders):
        folder.path.mkdir(parents=True)
        folder.config.write_text("")
        os.utime(folder.config, ns=(0, position))
    assert [run.name for run in list_runs(tmp_path)] == ["z", "m", "a"]


def test_a_run_is_found_by_folder_id_name_and_latest(tmp_path: Path) -> None:
    first = run_folder(tmp_path, "skin", "11111111")
    second = run_folder(tmp_path, "skin", "22222222")
    other = run_folder(tmp_path, "moles", "33333333")
    os.rename(other.path, other.path.with_name("2099-01-01_00-00-00_33333333"))
    assert find_run(first.path, tmp_path).path == first.path
    assert find_run(str(first.path) + "/", tmp_path / "elsewhere").path == first.path
    assert find_run("11111111", tmp_path).path == first.path
    assert find_run(first.path.name, tmp_path).path == first.path
    assert find_run("skin", tmp_path).path == second.path
    assert find_run("latest", tmp_path).name == "moles"
    run = Run(first.path)
    assert find_run(run, tmp_path / "elsewhere") is run


def test_a_folder_is_a_run_only_with_a_configuration(tmp_path: Path) -> None:
    run_folder(tmp_path, "skin", "11111111")
    create_run_folder(tmp_path, "skin", "22222222")  # its process was killed before it wrote anything
    assert [run.id for run in list_runs(tmp_path)] == ["11111111"]
    assert find_run("skin", tmp_path).id == "11111111"


def test_a_folder_is_resolved_so_that_its_name_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path, "skin", "11111111")
    monkeypatch.chdir(folder.path)
    run = find_run(".", tmp_path)
    assert (run.name, run.id) == ("skin", "11111111")


def test_an_unknown_run_is_refused_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"skin: no such run; there are none in .*epochal train CONFIG"):
        find_run("skin", tmp_path)
    run_folder(tmp_path, "skin", "11111111")
    with pytest.raises(RequestError, match=r"skim: no such run; did you mean 'skin'\?"):
        find_run("skim", tmp_path)
    for number in range(20):
        run_folder(tmp_path, f"experiment{number}", "22222222")
    with pytest.raises(RequestError, match="zzz: no such run; `epochal runs` lists them"):
        find_run("zzz", tmp_path)


def test_the_runs_of_one_experiment(tmp_path: Path) -> None:
    folders = [run_folder(tmp_path, "skin", text) for text in ("11111111", "22222222", "11111111")]
    run_folder(tmp_path, "moles", "11111111")
    assert [run.path for run in runs_of(tmp_path, "skin", "11111111")] == [folders[0].path, folders[2].path]


def test_metrics_are_final_scores_or_else_those_of_the_last_epoch(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "skin", "11111111")
    run = Run(folder.path)
    assert run.metrics == {}
    assert run.epochs.is_empty()
    rows = [
        {"step": 1, "epoch": 1, "train/batch_loss": 2.0},
        {"step": 2, "epoch": 1, "train/loss": 1.0, "val/loss": None},
        {"step": 4, "epoch": 2, "train/loss": 0.5, "val/loss": 0.75},
    ]
    torn = '{"step": 5, "epo'
    folder.history.write_text("".join(json.dumps(row) + "\n" for row in rows) + torn)
    assert run.history == rows
    assert run.epochs["val/loss"].to_list() == [None, 0.75]
    assert run.metrics == {"train/loss": 0.5, "val/loss": 0.75}
    folder.scores("test").parent.mkdir()
    folder.scores("test").write_text(json.dumps({"overall": {"accuracy": 0.9}, "per_class": {}}))
    assert run.metrics == {"test/accuracy": 0.9}


def test_names_of_files_stay_text_in_predictions(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "skin", "11111111")
    folder.predictions("test").parent.mkdir()
    folder.predictions("test").write_text("INDEX,FILENAME,PREDICTION\n0,007,1\n1,8,2\n")
    assert Run(folder.path).predictions()["FILENAME"].to_list() == ["007", "8"]
