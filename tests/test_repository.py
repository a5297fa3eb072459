"""The papers of the repository agree with the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import epochal
from epochal.config.yaml import parse_yaml

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
TARGETS = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_the_version_is_the_same_everywhere() -> None:
    citation, _ = parse_yaml((REPOSITORY / "CITATION.cff").read_text(), "CITATION.cff")
    assert citation["version"] == PROJECT["version"] == epochal.__version__
    assert citation["license"] == PROJECT["license"]
    assert PROJECT["version"] in (REPOSITORY / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_what_a_page_names_is_there(name: str) -> None:
    """Paths of tests and of the package, links to files, and commands of make."""
    text = (REPOSITORY / name).read_text()
    code = " ".join(re.findall(r"`+([^`]+)`+", text))
    paths = {
        path for path in re.findall(r"[\w./]+/[\w./]*", code) if path.startswith(("tests/", "src/", "docs/"))
    }
    paths |= set(re.findall(r"\]\(([\w./]+)\)", text))
    gone = {path for path in paths if "NAME" not in path and not (REPOSITORY / path).exists()}
    assert gone - {"docs/_build/html"} == set()
    assert {target for target in re.findall(r"`make ([a-z-]+)", text) if target not in TARGETS} == set()


def test_make_help_names_every_command() -> None:
    text = (REPOSITORY / "Makefile").read_text()
    told = set(re.findall(r'@echo "make ([a-z-]+)', text))
    assert set(TARGETS) - {"help", "install"} == told
