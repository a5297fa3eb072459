"""The page of the run folder names every file of a run, with its columns and keys, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import epochal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "run-folder.md"


@dataclass(frozen=True)
class Row:
    """A row of a table: the files that it is about, and what it says in code."""

    files: re.Pattern[str]
    words: frozenset[str]


def rows(text: str) -> list[Row]:
    return [
        Row(_files(file), frozenset(re.findall(r"`([^`]+)`", about)))
        for file, about in re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.MULTILINE)
    ]


def _files(name: str) -> re.Pattern[str]:
    words = re.escape(name).replace(r"\*", "[^/]+").replace(r"\.\.\.", ".+")
    return re.compile(re.sub(r"\\\{(\w+),(\w+)\\\}", r"(\1|\2)", words))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def overrides(here: Path) -> tuple[str, ...]:
    quick = (
        "training.epochs=2",
        "training.log_every=1",
        "compute.precision=float32",
        "evaluation.intervals=100",
    )
    return (f"paths.runs={here / 'runs'}", f"paths.cache={here / 'cache'}", "data.checks=off", *quick)


@pytest.fixture(scope="module")
def single(here: Path, overrides: tuple[str, ...]) -> epochal.Run:
    """A run of pictures with all that can be asked of it."""
    pixels, classes = _pictures()
    np.savez(here / "pictures.npz", x=pixels, y=classes)
    source = {"name": "arrays", "path": str(here / "pictures.npz")}
    config = {"name": "pictures", "data": {"source": source, "batch_size": 8}}
    run = epochal.train(config, *overrides, profile=True, preflight=False, quiet=True)
    epochal.evaluate(run, calibrate=True, sort_by_loss=True, quiet=True)
    return run


@pytest.fixture(scope="module")
def runs(single: epochal.Run, here: Path, overrides: tuple[str, ...]) -> list[epochal.Run]:
    """Small runs that write every kind of file: that one, masks, a forecast, a table in folds."""
    pixels, classes = _pictures()
    np.savez(here / "masks.npz", x=pixels, y=(pixels > 100).astype(np.int64))
    table = {"size": classes + 0.5, "kind": [f"k{each % 3}" for each in range(60)], "label": classes}
    pl.DataFrame(table).write_csv(here / "table.csv")
    pl.DataFrame({"level": np.sin(np.arange(150) / 3)}).write_csv(here / "levels.csv")
    masks = {
        "task": "segmentation",
        "data": {
            "source": {"name": "arrays", "path": str(here / "masks.npz"), "classes": ["dark", "bright"]}
        },
        "model": {"name": "unet", "channels": 2, "depth": 1},
    }
    levels = {
        "name": "forecast",
        "path": str(here / "levels.csv"),
        "target": "level",
        "history": 8,
        "horizon": 2,
    }
    forecast = {"task": "regression", "data": {"source": levels, "split": "time"}}
    folds = {"name": "kfold", "folds": 2, "val": 0.2}
    labels = {"name": "table", "path": str(here / "table.csv"), "target": "label"}
    more = [epochal.train({"name": "small", **each}, *overrides, quiet=True) for each in (masks, forecast)]
    validated = {"name": "small", "data": {"source": labels, "split": folds}}
    return [single, *more, epochal.crossval(validated, *overrides, quiet=True).run]


_FREE = ("encoding.json", "profile/trace.json", "sessions.json")
"""Files without keys, or with those of the data and of another program."""


def _pictures() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """60 pictures of 8×8 pixels, dark and bright, and which they are."""
    classes = np.arange(60) % 2
    noise = np.random.default_rng(0).integers(0, 100, (60, 8, 8))
    return (noise + 80 * classes[:, None, None]).astype(np.uint8), classes


def files_of(run: epochal.Run) -> dict[str, Path]:
    return {str(path.relative_to(run.path)): path for path in run.path.rglob("*") if path.is_file()}


def unlisted(run: epochal.Run) -> list[str]:
    listed = [row.files for row in rows(PAGE.read_text())]
    return sorted(name for name in files_of(run) if not any(each.fullmatch(name) for each in listed))


def unnamed(run: epochal.Run) -> set[tuple[str, str]]:
    """Files of a run with the columns and keys that their rows, or of scores the page, say nothing of."""
    page = PAGE.read_text()
    coded = set(re.findall(r"`([^`]+)`", page))
    missing = set()
    for name, path in files_of(run).items():
        row = next(row for row in rows(page) if row.files.fullmatch(name))
        if path.suffix == ".csv" and "confusion" not in name:
            missing |= {
                (name, each) for each in _plain(pl.read_csv(path, n_rows=0).columns) - _plain(row.words)
            }
        elif path.suffix == ".json" and name not in _FREE:
            known = coded if name.startswith("metrics/") else row.words
            missing |= {(name, key) for key in json.loads(path.read_text()).keys() - known}
    return missing


def _plain(columns: Iterable[str]) -> set[str]:
    """Columns, where those of classes and targets are as the page writes them, without their names."""
    return {
        re.sub(r"^((?:PROBABILITY|TARGET|PREDICTION|DICE|IOU|PIXELS)_).+", r"\1", each) for each in columns
    }


def test_the_page_names_every_file_of_a_run_with_its_columns_and_keys(single: epochal.Run) -> None:
    assert len(files_of(single)) > 30
    assert unlisted(single) == []
    assert unnamed(single) == set()


@pytest.mark.slow
def test_the_page_names_every_file_of_every_kind_of_run_and_no_other(runs: list[epochal.Run]) -> None:
    assert [name for run in runs for name in unlisted(run)] == []
    names = {re.sub(r"^folds/\d+/(?!$)", "", name) for run in runs for name in files_of(run)} | {
        "folds/1/config.yaml"
    }
    listed = [row.files for row in rows(PAGE.read_text())]
    assert [each.pattern for each in listed if not any(each.fullmatch(name) for name in names)] == []
    assert [fault for run in (*runs[:3], *runs[3].folds) for fault in unnamed(run)] == []
