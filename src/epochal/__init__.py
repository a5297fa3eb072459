"""From a folder of data to a served model: one command, plain PyTorch, results you can trust.

Every verb of the command line is a function here: ``run = epochal.train("digits", "training.epochs=2")``.
Names are imported when they are first used, so that ``import epochal`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochal.data.batch import Batch as Batch
    from epochal.data.manifest import Manifest as Manifest
    from epochal.data.manifest import Source as Source
    from epochal.engine.loop import Hook as Hook
    from epochal.engine.own_step import StepState as StepState
    from epochal.errors import ConfigError as ConfigError
    from epochal.errors import DataError as DataError
    from epochal.errors import EpochalError as EpochalError
    from epochal.errors import Interrupted as Interrupted
    from epochal.errors import RequestError as RequestError
    from epochal.errors import RunError as RunError
    from epochal.experiment.config import ExperimentConfig as ExperimentConfig
    from epochal.inference.predict import Predictor as Predictor
    from epochal.run.run import Run as Run
    from epochal.tasks.scores import Scores as Scores
    from epochal.tasks.task import Task as Task
    from epochal.verbs.compare import compare as compare
    from epochal.verbs.crossval import crossval as crossval
    from epochal.verbs.data_snapshot import data_snapshot as data_snapshot
    from epochal.verbs.data_snapshot import data_verify as data_verify
    from epochal.verbs.doctor import doctor as doctor
    from epochal.verbs.evaluate import evaluate as evaluate
    from epochal.verbs.fit import fit as fit
    from epochal.verbs.init import init as init
    from epochal.verbs.inspect import inspect as inspect
    from epochal.verbs.load import load as load
    from epochal.verbs.predict import predict as predict
    from epochal.verbs.report import report as report
    from epochal.verbs.runs import runs as runs
    from epochal.verbs.sweep import sweep as sweep
    from epochal.verbs.train import train as train

_PLACES = {
    "Batch": "data.batch",
    "ConfigError": "errors",
    "DataError": "errors",
    "EpochalError": "errors",
    "ExperimentConfig": "experiment.config",
    "Hook": "engine.loop",
    "Interrupted": "engine.interruption",
    "Manifest": "data.manifest",
    "Predictor": "inference.predict",
    "RequestError": "errors",
    "Run": "run.run",
    "RunError": "errors",
    "Scores": "tasks.scores",
    "Source": "data.manifest",
    "StepState": "engine.own_step",
    "Task": "tasks.task",
    "compare": "verbs.compare",
    "crossval": "verbs.crossval",
    "data_snapshot": "verbs.data_snapshot",
    "data_verify": "verbs.data_snapshot",
    "doctor": "verbs.doctor",
    "evaluate": "verbs.evaluate",
    "fit": "verbs.fit",
    "init": "verbs.init",
    "inspect": "verbs.inspect",
    "load": "verbs.load",
    "predict": "verbs.predict",
    "report": "verbs.report",
    "runs": "verbs.runs",
    "sweep": "verbs.sweep",
    "train": "verbs.train",
}

__version__ = "0.1.0"
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'epochal' has no attribute '{name}'")
    value = getattr(import_module(f"epochal.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
