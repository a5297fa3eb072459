from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.cli.scores import print_scores
from epochal.run.run import Run


def test_val_and_test_stand_side_by_side_with_the_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics").mkdir()
    threshold = {"rule": "youden", "class": "ill", "value": 0.31, "chosen_on": "val"}
    test = {
        "overall": {"loss": 0.5, "accuracy": 0.9},
        "intervals": {"accuracy": [0.85, 0.95]},
        "calibration": {"ece": 0.02, "brier": 0.1, "temperature": None},
        "threshold": threshold,
        "without_threshold": {"overall": {"loss": 0.5, "accuracy": 0.8}},
    }
    (tmp_path / "metrics" / "val.json").write_text(json.dumps({"overall": {"loss": 0.4}}))
    (tmp_path / "metrics" / "test.json").write_text(json.dumps(test))
    print_scores(Run(tmp_path))
    assert capsys.readouterr().out.splitlines() == [
        "                val       test   95 % interval",
        "loss         0.4000     0.5000",
        "accuracy                0.9000   0.8500 to 0.9500",
        "ece                     0.0200",
        "brier                   0.1000",
        "decided at the threshold 0.3100 of ill (youden on val)",
        "test without it: accuracy 0.8000",
    ]


def test_other_data_keeps_its_whole_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "second_hospital.json").write_text(json.dumps({"overall": {"loss": 0.4}}))
    print_scores(Run(tmp_path), ["second_hospital"])
    assert capsys.readouterr().out.splitlines() == [
        "      second_hospital",
        "loss           0.4000",
    ]


def test_subgroups_are_a_table_with_marks_and_few_groups_a_remark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics").mkdir()
    groups = {
        "f": {"samples": 120, "overall": {"loss": 0.2, "accuracy": 0.9}, "too_small": False},
        "m": {"samples": 7, "overall": {"loss": 0.3, "accuracy": 1.0}, "too_small": True},
    }
    groups["f"]["intervals"] = {"accuracy": [0.85, 0.95]}
    test = {
        "overall": {"accuracy": 0.9},
        "intervals": {"accuracy": [0.85, 0.95]},
        "interval_units": {"groups": 6},
        "interval_warning": "from 6 groups only",
        "subgroups": {"sex": groups},
        "gaps": {"sex": {"demographic_parity": 0.1}},
    }
    (tmp_path / "metrics" / "test.json").write_text(json.dumps(test))
    print_scores(Run(tmp_path))
    assert capsys.readouterr().out.splitlines() == [
        "               test   95 % interval (from 6 groups only)",
        "accuracy     0.9000   0.8500 to 0.9500",
        "",
        "sex  samples  accuracy  95 % interval",
        "f        120    0.9000  0.8500 to 0.9500",
        "m          7    1.0000                    too small to judge",
        "demographic parity gap 0.1000",
    ]


def test_without_scores_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(Run(tmp_path), ("test",))
    assert capsys.readouterr().out == ""
