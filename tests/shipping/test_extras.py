"""Each extra by itself beside the wheel: it installs, and what it is for works."""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from installation import REPOSITORY, Installation

pytest_plugins = ("shipped",)
pytestmark = pytest.mark.extras

EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TESTS = {
    "vision": ["models/test_vision.py", "data/test_foreign.py", "data/test_jpeg.py"],
    "audio": ["data/test_sounds.py", "data/test_check_sounds.py"],
    "segmentation": ["models/test_segmentation_models.py"],
    "text": ["models/test_transformers_encoder.py", "data/encode/test_text_encodings.py"],
    "transfer": ["models/test_pretrained.py"],
}
"""The tests of what each extra is for."""


def test_every_extra_for_users_is_tested() -> None:
    assert EXTRAS.keys() - TESTS.keys() == {"all", "bench", "dev", "docs"}


@pytest.mark.parametrize("extra", [*TESTS, "all"])
def test_an_extra_alone(extra: str, wheel: Path, core: Installation, tmp_path: Path) -> None:
    installation = Installation.make(tmp_path / "venv", f"{wheel}[{extra}]", "pytest", on=core)
    installation.run("python", "-m", "pip", "check")
    sys.stdout.write(f"[{extra}] {installation.size() / 1e6:,.0f} MB\n")
    files = TESTS.get(extra, [])
    chosen = [str(REPOSITORY / "tests" / file) for file in [*files, "test_optional.py"]]
    # the installed package is tested: nothing of the checkout but its tests is on the path
    options = ("-q", "-rs", "-p", "no:cacheprovider")
    said = installation.run("python", "-m", "pytest", *options, *chosen, cwd=tmp_path)
    assert " passed" in said
    assert "skipped" not in said
    assert f"--  [{extra}]" not in installation.run("python", "-m", "epochal", "doctor")
    shutil.rmtree(installation.folder)
