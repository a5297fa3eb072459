"""A run as its user sees it: metrics, predictions and files of one run folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from epochal.run.durable import read_holder
from epochal.run.folder import RunFolder
from epochal.run.history import epoch_rows, read_history
from epochal.run.status import Status, reason_of, status_of


@dataclass(frozen=True)
class Run:
    """One run folder, read when asked.

    >>> run = epochal.train("digits")               # doctest: +SKIP
    >>> run.metrics["test/accuracy"]                # doctest: +SKIP
    """

    path: Path

    @property
    def folder(self) -> RunFolder:
        """The paths of its files."""
        return RunFolder(self.path)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.folder.name

    @property
    def id(self) -> str:
        """The short hash of the experiment."""
        return self.folder.id

    @property
    def status(self) -> Status:
        """finished, interrupted, failed, running or crashed."""
        return status_of(self.folder)

    @property
    def reason(self) -> str:
        """Why it ended as it did; while it runs, who works on it."""
        return reason_of(self.folder)

    @property
    def holder(self) -> dict[str, Any]:
        """The process that works on the run, or worked on it last: ``pid``, ``host``, ``boot``, ``since``."""
        return read_holder(self.folder.lock)

    @property
    def step(self) -> int:
        """The last optimiser step that was recorded; 0 before the first."""
        rows = self.history
        return int(rows[-1]["step"]) if rows else 0

    @property
    def metrics(self) -> dict[str, float]:
        """Final scores as ``val/accuracy``, ``test/accuracy``, ...; until then the last epoch's."""
        final: dict[str, float] = {}
        for split in ("val", "test"):
            path = self.folder.scores(split)
            if path.exists():
                overall = json.loads(path.read_text())["overall"]
                final |= {f"{split}/{key}": value for key, value in overall.items()}
        if final:
            return final
        rows = epoch_rows(self.history)
        return {key: value for key, value in rows[-1].items() if "/" in key} if rows else {}

    @property
    def history(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``."""
        return read_history(self.folder.history)

    @property
    def epochs(self) -> pl.DataFrame:
        """One row an epoch, one column a metric."""
        return pl.DataFrame(epoch_rows(self.history), infer_schema_length=None)

    def predictions(self, split: str = "test") -> pl.DataFrame:
        """INDEX, FILENAME, GROUP (where there are groups), TARGET, PREDICTION, probabilities of one split."""
        path = self.folder.predictions(split)
        columns = pl.read_csv(path, n_rows=0, infer_schema=False).columns
        texts = [name for name in columns if name in ("FILENAME", "GROUP")]
        if any(name.startswith("PROBABILITY_") for name in columns):
            texts += ["TARGET", "PREDICTION"]  # classes, which may look like numbers
        overrides = dict.fromkeys(texts, pl.String)
        return pl.read_csv(path, infer_schema_length=None, schema_overrides=overrides)

    @property
    def folds(self) -> tuple[Run, ...]:
        """The runs of a cross-validation, in their order; none of any other run."""
        found = [path for path in (self.path / "folds").glob("*") if path.name.isdecimal()]
        return tuple(Run(path) for path in sorted(found, key=lambda path: int(path.name)))

    def __str__(self) -> str:
        return str(self.path)
