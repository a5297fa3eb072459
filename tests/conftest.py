from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import forget_modules


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder for calls in this process; modules imported from it are forgotten after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    forget_modules(before, tmp_path)
