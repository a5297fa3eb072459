"""Load: a trained run as a predictor, in Python."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from epochal.experiment.differences import warn_of_other_code
from epochal.experiment.restore import load_predictor, load_run_config
from epochal.inference.predict import Predictor
from epochal.run.catalog import find_run
from epochal.run.run import Run


def load(
    run: str | Path | Run, *, runs: str | Path = "runs", device: str = "auto", model: nn.Module | None = None
) -> Predictor:
    """The best weights of a run, as a plain ``nn.Module`` with its preprocessing beside it.

    model: one of the run's architecture, for a run of ``epochal.fit``, which can't make it anew; a copy of it
        gets the weights.
    Raises RequestError where there is no such run or it has no best checkpoint yet.
    """
    found = find_run(run, Path(runs))
    predictor = load_predictor(found, device, model)
    if model is None:
        warn_of_other_code(found, load_run_config(found))
    return predictor
