"""The data of an experiment: for training, as a run had it, or from elsewhere for a trained run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.cache import Samples, prepare_samples
from epochal.data.manifest import Source
from epochal.data.prepare import Prepare, build_prepare
from epochal.data.sources import build_source
from epochal.data.split import Split, build_split
from epochal.data.statistics import Normalizer, Statistics, build_normalizer, measure
from epochal.errors import ConfigError, DataError, EpochalError, Problem, RequestError
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.own_code import describe
from epochal.run.run import Run
from epochal.tasks.build import task_class

_PATH_OF = {"folder": "root", "idx": "root", "table": "path", "arrays": "path"}


@dataclass(frozen=True)
class Data:
    """The samples of an experiment, split, prepared and measured."""

    source: Source
    split: Split
    prepare: Prepare
    samples: Samples
    statistics: Statistics
    normalizer: Normalizer


def assemble_data(config: ExperimentConfig, console: Console) -> Data:
    """Read the manifest, split it, prepare every sample once, measure the training split."""
    source = build_source(config.data.source, task_class(config.task).target)
    split = build_split(config.data.split, source.manifest, config.seed)
    prepare = build_prepare(config.data.prepare)
    samples = _prepared(source, prepare, config, console)
    statistics = measure(samples, source.manifest, split.train)
    normalizer = build_normalizer(config.data, statistics, samples.shape)
    return Data(source, split, prepare, samples, statistics, normalizer)


def _prepared(source: Source, prepare: Prepare, config: ExperimentConfig, console: Console) -> Samples:
    """Every sample prepared; ConfigError where code of the user's fails at it."""
    try:
        return prepare_samples(source, prepare, config.data.cache, config.cache_folder, console)
    except (EpochalError, OSError):
        raise
    except Exception as error:
        what = f"preparing the samples fails: {describe(error)}"
        raise ConfigError(
            Problem(what, "data", "look at the line named, of data.prepare or the source")
        ) from error


def data_of_run(run: Run, config: ExperimentConfig, console: Console) -> Data:
    """The data of a run in its own split, with the statistics that it trained with.

    Raises DataError where the data is no longer what the run was trained on.
    """
    split = Component.model_validate({"name": "file", "path": str(run.folder.split), "partial": True})
    own = config.model_copy(update={"data": config.data.model_copy(update={"split": split})})
    data = assemble_data(own, console)
    if data.source.digest[:16] != (config.derived or {}).get("data_digest"):
        raise DataError(
            Problem(
                "the data is no longer what the run was trained on",
                str(run.path),
                "restore it, or score other data with `epochal evaluate RUN --data PATH`",
            )
        )
    statistics = load_statistics(run)
    normalizer = build_normalizer(config.data, statistics, data.samples.shape)
    return replace(data, statistics=statistics, normalizer=normalizer)


def other_data(run: Run, config: ExperimentConfig, path: Path, console: Console) -> Data:
    """All samples of other data as a test split, with the statistics and the classes of a run.

    path: what the run's source reads: a folder, a table, an array file. Raises RequestError where the
    source reads from no path, DataError where the data has targets that the run does not know.
    """
    component = config.data.source
    if component.name not in _PATH_OF:
        mend = "other data can be given for " + ", ".join(_PATH_OF)
        raise RequestError(Problem(f"its source '{component.name}' reads from no path", str(run.path), mend))
    arguments = component.arguments | {_PATH_OF[component.name]: str(path.expanduser().absolute())}
    moved = Component.model_validate({"name": component.name, **arguments})
    source = build_source(moved, task_class(config.task).target)
    source = _renumbered(source, tuple((config.derived or {})["names"]), path)
    prepare = build_prepare(config.data.prepare)
    samples = _prepared(source, prepare, config, console)
    statistics = load_statistics(run)
    nothing = np.zeros(0, np.int64)
    split = Split(train=nothing, val=nothing, test=np.arange(len(source.manifest)), origin=str(path))
    normalizer = build_normalizer(config.data, statistics, samples.shape)
    return Data(source, split, prepare, samples, statistics, normalizer)


def load_statistics(run: Run) -> Statistics:
    """The statistics of the training split of a run."""
    return Statistics.from_json(json.loads(run.folder.statistics.read_text()))


def _renumbered(source: Source, names: tuple[str, ...], path: Path) -> Source:
    """The source with its targets in the order of a run's classes, labels or target columns."""
    manifest = source.manifest
    if manifest.names == names:
        return source
    unknown = [name for name in manifest.names if name not in names]
    if unknown or manifest.target_kind != "class":
        what = f"its targets {list(manifest.names)} are not those of the run: {list(names)}"
        raise DataError(Problem(what, str(path), "rename or drop what the run does not know"))
    places = np.array([names.index(name) for name in manifest.names])
    return replace(source, manifest=replace(manifest, targets=places[manifest.targets], names=names))
