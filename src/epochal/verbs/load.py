"""Load: a trained run as a predictor, in Python."""

from __future__ import annotations

from pathlib import Path

from epochal.experiment.restore import load_predictor
from epochal.inference.predict import Predictor
from epochal.run.catalog import find_run
from epochal.run.run import Run


def load(run: str | Path | Run, *, runs: str | Path = "runs", device: str = "auto") -> Predictor:
    """The best weights of a run, as a plain ``nn.Module`` with its preprocessing beside it.

    Raises RequestError where there is no such run or it has no best checkpoint yet.
    """
    return load_predictor(find_run(run, Path(runs)), device)
