"""The data of an experiment: for training, as a run had it, or from elsewhere for a trained run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.cache import Samples, prepare_samples
from epochal.data.check.files import FileFacts, file_oddities
from epochal.data.check.findings import Finding, act_on
from epochal.data.check.leaks import find_leaks
from epochal.data.check.reading import Reading, read_source
from epochal.data.check.summary import summarise
from epochal.data.check.values import find_oddities
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
    """The samples of an experiment, split, prepared and measured.

    findings: of the checks. excluded: row of the whole source -> FILENAME of what ``data.exclude`` left out.
    facts: of image files, where they were looked at.
    """

    source: Source
    split: Split
    prepare: Prepare
    samples: Samples
    statistics: Statistics
    normalizer: Normalizer
    findings: tuple[Finding, ...] = ()
    excluded: dict[int, str] = field(default_factory=dict)
    facts: FileFacts | None = None

    def inspection(self) -> dict[str, Any]:
        """What ``inspect.json`` of a run holds: the findings, and the splits side by side."""
        summaries = {
            name: summarise(
                self.source.manifest,
                self.split.rows(name),
                self.statistics if name == "train" else None,
                self.facts,
            ).to_json()
            for name in self.split.names()
        }
        return {"findings": [finding.to_json() for finding in self.findings], "splits": summaries}


def assemble_data(config: ExperimentConfig, console: Console, *, judge: bool = True) -> Data:
    """Read the manifest, check and split it, prepare every sample once, measure the training split.

    judge: act on what the checks find, as ``data.checks`` says: DataError, or lines in the log. Otherwise
    it is only in the result, without the samples that can't be used.
    """
    reading = read_data(config, console)
    findings = reading.findings
    try:
        split = build_split(config.data.split, reading.source.manifest, config.seed)
    except DataError:
        # what was set aside may be why there is too little left to split, or not be in a given split
        act_on(findings, "strict")
        raise
    if config.data.checks != "off":
        findings = (*findings, *_checked(reading, split, config))
        if judge:
            act_on(findings, config.data.checks)
    return _assembled(reading, split, findings, config, console)


def read_data(config: ExperimentConfig, console: Console) -> Reading:
    """The samples that can be used, and what is wrong with the others; as far as ``data.checks`` asks."""
    return read_source(
        config.data.source,
        task_class(config.task).target,
        exclude=config.data.exclude,
        checked=config.data.checks != "off",
        cache=config.cache_folder,
        console=console,
    )


def _checked(reading: Reading, split: Split, config: ExperimentConfig) -> list[Finding]:
    """What the checks say about the samples in their splits."""
    component, manifest = config.data.split, reading.source.manifest
    drawn = manifest.splits is None if component is None else component.name not in ("file", "column")
    found = find_leaks(reading.subject, split, reading.facts, drawn=drawn)
    if reading.facts is not None:
        found += file_oddities(reading.subject, reading.facts)
    return found + find_oddities(reading.subject, split)


def _assembled(
    reading: Reading,
    split: Split,
    findings: tuple[Finding, ...],
    config: ExperimentConfig,
    console: Console,
) -> Data:
    """The samples prepared and measured."""
    source = reading.source
    prepare = build_prepare(config.data.prepare)
    samples = _prepared(source, prepare, config, console)
    statistics = measure(samples, source.manifest, split.train)
    normalizer = build_normalizer(config.data, statistics, samples.shape)
    return Data(
        source,
        split,
        prepare,
        samples,
        statistics,
        normalizer,
        findings=findings,
        excluded=reading.excluded,
        facts=reading.facts,
    )


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
    reading = read_data(own, console)
    if config.data.checks == "strict":  # what it trained on was whole
        act_on(reading.findings, "strict")
    data = _assembled(reading, build_split(split, reading.source.manifest, own.seed), (), own, console)
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

    path: what the run's source reads: a folder, a table, an array file. Its columns may stand in another
    order, and its images have other channels: they are read as the run's were. Raises RequestError where the
    source reads from no path, DataError where the data has targets that the run does not know.
    """
    component = config.data.source
    if component.name not in _PATH_OF:
        mend = "other data can be given for " + ", ".join(_PATH_OF)
        raise RequestError(Problem(f"its source '{component.name}' reads from no path", str(run.path), mend))
    arguments = component.arguments | {_PATH_OF[component.name]: str(path.expanduser().absolute())}
    facts = config.derived or {}
    if component.name == "table":
        arguments.pop("split", None)
    if facts.get("image_files"):
        arguments["channels"] = facts["channels"]
    elif component.name == "table":
        arguments["features"] = facts["features"]
    moved = Component.model_validate({"name": component.name, **arguments})
    source = build_source(moved, task_class(config.task).target)
    source = _renumbered(source, tuple(facts["names"]), path)
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
