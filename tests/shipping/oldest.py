"""The lowest versions that pyproject.toml allows, as requirements; `make test-oldest` installs them.

The tools that tests are run with are those of requirements.txt.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TOOLS = ("openpyxl", "pytest", "pytest-xdist", "ruff", "xlsxwriter")


def lowest(requirements: list[str]) -> Iterator[tuple[str, str]]:
    """The name and the lowest version of each, with those of the extras that are named."""
    for requirement in map(Requirement, requirements):
        for extra in requirement.extras:
            yield from lowest(EXTRAS[extra])
        for specifier in requirement.specifier:
            assert specifier.operator == ">=", requirement
            yield requirement.name, specifier.version


def main() -> None:
    """Print a line ``name==version`` for each package."""
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    found = {name: pinned[name] for name in TOOLS} | dict(lowest([*PROJECT["dependencies"], *EXTRAS["all"]]))
    sys.stdout.write("".join(f"{name}=={version}\n" for name, version in sorted(found.items())))


if __name__ == "__main__":
    main()
