"""A newcomer with data of their own: a config of at most eight lines, train, predict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shell import Shell, make_images

import epochal

COUNT = 24


@dataclass(frozen=True)
class Project:
    """The data, and a shell in another folder, with the configs in a third."""

    data: Path
    configs: Path
    shell: Shell


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    data, configs, work = root / "data", root / "configs", root / "work"
    for folder in (configs, work):
        folder.mkdir()
    make_images(data / "pets", COUNT, 12)
    files = sorted(path.relative_to(data / "pets") for path in (data / "pets").glob("*/*.png"))
    labels = pl.DataFrame({"image": [str(file) for file in files], "kind": [f.parent.name for f in files]})
    (data / "tables").mkdir()
    labels.write_csv(data / "tables" / "labels.csv")
    generator = np.random.default_rng(1)
    kinds = np.arange(90) % 3
    np.savez(data / "arrays.npz", x=generator.normal(kinds[:, None, None, None], 0.5, (90, 1, 6, 6)), y=kinds)
    features = pl.DataFrame({"width": generator.normal(kinds, 0.5), "height": generator.normal(-kinds, 0.5)})
    features.with_columns(species=pl.Series(["a", "b", "c"])[kinds]).write_csv(data / "tables" / "plants.csv")
    return Project(data, configs, Shell(work))


def _train(project: Project, name: str, config: str) -> Path:
    """Train by a config of at most eight lines, with another working folder; the run folder."""
    config = config.strip() + "\n"
    assert config.count("\n") <= 8
    (project.configs / f"{name}.yaml").write_text(config)
    project.shell.run("train", f"../configs/{name}.yaml")
    return project.shell.only_run(name)


def _probabilities(table: pl.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    columns = [name for name in table.columns if name.startswith("PROBABILITY_")]
    return table.select(columns).to_numpy()


def _predicted(project: Project, run: Path, *inputs: str) -> pl.DataFrame:
    project.shell.run("predict", str(run), *inputs, "-o", "out.csv")
    return pl.read_csv(project.shell.folder / "out.csv", schema_overrides={"FILENAME": pl.String})


def _tested(run: Path) -> pl.DataFrame:
    return pl.read_csv(run / "predictions" / "test.csv", schema_overrides={"FILENAME": pl.String})


def test_a_folder_of_images(project: Project) -> None:
    config = f"""
data:
  source: {{name: folder, root: {project.data}/pets}}
  augment: [horizontal_flip]
training: {{epochs: 4}}
tracking: []
"""
    run = _train(project, "pets", config)
    assert json.loads((run / "metrics" / "test.json").read_text())["overall"]["accuracy"] > 0.8
    tested = _tested(run)
    first = tested["FILENAME"][0]
    predicted = _predicted(project, run, f"{project.data}/pets/{first}", f"{project.data}/pets/")
    assert len(predicted) == 1 + 3 * COUNT
    one = predicted.filter(pl.col("FILENAME") == f"{project.data}/pets/{first}")
    np.testing.assert_allclose(_probabilities(one), _probabilities(tested[:1]), rtol=0, atol=1e-6)
    both = tested.join(predicted, on="FILENAME", suffix="_AGAIN", how="inner")
    assert len(both) == len(tested)
    assert both["PREDICTION"].equals(both["PREDICTION_AGAIN"])
    for name in ("cat", "dog", "owl"):
        apart = (both[f"PROBABILITY_{name}"] - both[f"PROBABILITY_{name}_AGAIN"]).abs()
        assert apart.to_numpy().max() < 1e-6


def test_a_table_with_images_in_another_folder(project: Project) -> None:
    config = f"""
data:
  source: {{name: table, path: {project.data}/tables/labels.csv, file: image, target: kind,
           root: {project.data}/pets}}
training: {{epochs: 2}}
tracking: []
"""
    run = _train(project, "labels", config)
    tested = _tested(run)
    inputs = [f"{project.data}/pets/{name}" for name in tested["FILENAME"]]
    predicted = epochal.predict(run, inputs, quiet=True)
    assert predicted["FILENAME"].to_list() == inputs
    np.testing.assert_allclose(_probabilities(predicted), _probabilities(tested), rtol=0, atol=1e-6)


def test_arrays(project: Project) -> None:
    config = f"""
data:
  source: {{name: arrays, path: {project.data}/arrays.npz, input: x, target: y}}
training: {{epochs: 2}}
tracking: []
"""
    run = _train(project, "arrays", config)
    tested = _tested(run)
    predicted = epochal.predict(run, project.data / "arrays.npz", quiet=True)[tested["INDEX"].to_list()]
    assert predicted["FILENAME"].equals(tested["FILENAME"])
    np.testing.assert_allclose(_probabilities(predicted), _probabilities(tested), rtol=0, atol=1e-6)


def test_a_table_of_features(project: Project) -> None:
    config = f"""
data:
  source: {{name: table, path: {project.data}/tables/plants.csv, target: species}}
training: {{epochs: 2}}
tracking: []
"""
    run = _train(project, "plants", config)
    tested = _tested(run)
    # without the target, the columns in another order, printed where no file is named
    new = project.data / "new.csv"
    pl.read_csv(project.data / "tables" / "plants.csv").select("height", "width").write_csv(new)
    printed = project.shell.run("predict", "plants", str(new)).stdout
    rows = pl.read_csv(printed.encode())[tested["INDEX"].to_list()]
    np.testing.assert_allclose(_probabilities(rows), _probabilities(tested), rtol=0, atol=1e-6)
