"""Rules of the house that no tool checks."""

from __future__ import annotations

from pathlib import Path

import epochal

LONGEST = 300
SOURCE = Path(epochal.__file__).parent


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert len(lengths) > 50
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


def test_every_public_name_is_there() -> None:
    for name in epochal.__all__:
        assert getattr(epochal, name).__doc__, name
    assert "train" in dir(epochal)


def test_no_package_hides_a_public_function() -> None:
    """An imported ``epochal.report`` would take the place of the function ``epochal.report``."""
    hidden = [name for name in epochal.__all__ if list(SOURCE.glob(name)) or list(SOURCE.glob(f"{name}.py"))]
    assert hidden == []
