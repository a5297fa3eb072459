"""Fixtures: what is built, once for all tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation, build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution; both lie side by side and pass ``twine check``."""
    return build(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="session")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel and what it requires, nothing else."""
    return Installation.make(tmp_path_factory.mktemp("core") / "venv", str(wheel))
