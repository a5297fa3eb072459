"""Runs: what was run, how it stands, and how good it was."""

from __future__ import annotations

from pathlib import Path

from epochal.run.catalog import list_runs
from epochal.run.run import Run


def runs(name: str | None = None, *, runs: str | Path = "runs") -> list[Run]:
    """The runs in a folder of runs, the oldest first; ``name`` keeps those of one experiment."""
    return list_runs(Path(runs), name)
