"""Mistakes that are told before torch is loaded, which takes longer than all else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from epochal.errors import ConfigError
from epochal.experiment.first_look import first_look

CONFIG = """
data:
  source: {name: folder, rooot: pictures}
  batch_sise: 3
training: {epochs: twenty}
optimiser: {name: AdamW}
optimizer: {name: AdamW, lrr: 1}
"""
RUN = """
import sys
from epochal.cli.errors import run_command
from epochal.cli.group import epochal
code = run_command(epochal, sys.argv[1:])
print(sorted({"torch", "torchvision", "timm", "matplotlib"} & set(sys.modules)))
sys.exit(code)
"""


def epochal(folder: Path, *arguments: str) -> tuple[list[str], str]:
    """The errors of a command that is refused, and which heavy packages it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    return done.stderr.splitlines(), done.stdout.splitlines()[-1]


@pytest.mark.parametrize("verb", ["train", "inspect", "crossval", "sweep"])
def test_what_needs_no_torch_is_told_without_it(verb: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(CONFIG)
    told, loaded = epochal(tmp_path, verb, "wrong.yaml", "seed=x")
    assert loaded == "[]"
    assert sorted(told) == [
        "error: command line: seed: expected an integer, got 'x'",
        "error: wrong.yaml:3: data.source.rooot: folder takes no 'rooot'; did you mean 'root'?",
        "error: wrong.yaml:3: data.source: folder needs 'root'; write {name: folder, root: ...}",
        "error: wrong.yaml:4: data.batch_sise: unknown key; did you mean 'batch_size'?",
        "error: wrong.yaml:5: training.epochs: expected an integer, got 'twenty'",
        "error: wrong.yaml:6: optimiser: unknown key; did you mean 'optimizer'?",
    ]


def test_neither_is_torch_needed_for_a_config_that_is_not_there(tmp_path: Path) -> None:
    told, loaded = epochal(tmp_path, "train", "digitz")
    assert told == ["error: there is no recipe and no file 'digitz'; did you mean 'digits'?"]
    assert loaded == "[]"


def test_a_sweep_is_told_of_a_wrong_value_among_good_ones_once(tmp_path: Path) -> None:
    told, _ = epochal(tmp_path, "sweep", "digits", "training.epochs=1,0,2", "seed=1,2,3")
    assert told == ["error: command line: training.epochs: must be at least 1, got 0"]


def test_a_source_of_the_user_s_own_is_left_to_the_second_look() -> None:
    first_look({"name": "own", "data": {"source": "no_such_module:Scans"}})
    with pytest.raises(ConfigError, match="no source is called 'foldr'; did you mean 'folder'"):
        first_look({"name": "own", "data": {"source": "foldr"}})
