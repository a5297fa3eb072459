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
        "without it: accuracy 0.8000",
    ]


def test_without_scores_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(Run(tmp_path), ("test",))
    assert capsys.readouterr().out == ""
