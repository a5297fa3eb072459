"""The data of an experiment: for training, as a run had it, or from elsewhere for a trained run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

import numpy as np
from torch import Tensor

from epochal.config.component import Component
from epochal.console import Console, log
from epochal.data.cache import Samples, prepare_samples
from epochal.data.check.files import FileFacts, file_oddities
from epochal.data.check.findings import Finding, act_on, problems_of
from epochal.data.check.leaks import find_leaks
from epochal.data.check.masks import mask_oddities
from epochal.data.check.reading import Reading, read_source
from epochal.data.check.sound_reading import settle_sounds
from epochal.data.check.sounds import SoundFacts, sound_oddities
from epochal.data.check.splitting import split_usable
from epochal.data.check.summary import summarise
from epochal.data.check.texts import TextFacts
from epochal.data.check.values import find_oddities
from epochal.data.columns import listed_columns
from epochal.data.encode.encoding import Encoding, encoding_to_json
from epochal.data.manifest import COLUMNS, Array, Source
from epochal.data.masks.prepared import prepare_masks
from epochal.data.others import Others, measure_others
from epochal.data.prepare import Prepare, build_prepare
from epochal.data.sounds import sound_rate
from epochal.data.split import Split
from epochal.data.statistics import (
    Normalizer,
    Statistics,
    build_normalizer,
    measure,
)
from epochal.data.transform import build_transform
from epochal.errors import ConfigError, DataError, EpochalError, Problem
from epochal.experiment.class_order import check_positive, with_positive_last
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.encodings import (
    cardinalities,
    encode_source,
    encodings_of,
    load_statistics,
    model_facts,
    named_by,
)
from epochal.experiment.own_code import describe
from epochal.experiment.texts import check_texts, facts_of_texts
from epochal.run.run import Run
from epochal.tasks.build import task_class


@dataclass(frozen=True)
class Data:
    """The samples of an experiment, split, prepared and measured.

    encoding, beside: how the samples, and the columns that are a second input, became numbers; None where
    they were numbers. others: the inputs beside the first one, by name, not normalised.
    masks: the prepared ones, uint8 [N, H, W], where targets are masks. unseen: of a column, the rows with a
    category that the training split did not have. texts: how long they are, where samples are texts.
    findings: of the checks. excluded: row of the whole source -> FILENAME of what ``data.exclude`` left out.
    facts: of image files, where they were looked at.
    """

    source: Source
    split: Split
    prepare: Prepare
    samples: Samples
    statistics: Statistics
    normalizer: Normalizer
    encoding: Encoding | None = None
    beside: Encoding | None = None
    others: Mapping[str, Array] = field(default_factory=dict)
    masks: Array | None = None
    unseen: Mapping[str, Array] = field(default_factory=dict)
    texts: TextFacts | None = None
    findings: tuple[Finding, ...] = ()
    excluded: dict[int, str] = field(default_factory=dict)
    facts: FileFacts | SoundFacts | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample as the model takes it; of several inputs, the first."""
        return self.normalizer.transform.shape(self.samples.shape)

    @property
    def model_facts(self) -> dict[str, Any]:
        """What a network is told besides: cardinalities, vocabulary, the shapes of several inputs."""
        return model_facts(self.shapes, self.encoding, self.beside)

    @property
    def first(self) -> str:
        """What the first of several inputs is called."""
        return self.source.first or self.source.kind

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one sample of each input, as the model takes it."""
        return {self.first: self.input_shape, **{name: each.shape[1:] for name, each in self.others.items()}}

    @property
    def anchors(self) -> tuple[int | None, ...]:
        """Of each output of a forecast the channel that it continues; none where nothing is forecast."""
        return self.source.forecast.anchors if self.source.forecast is not None else ()

    def normalized_others(self) -> dict[str, Tensor]:
        """The inputs beside the first one, [N, ...] each, as the model takes them."""
        normalize = Others(self.statistics.others, cardinalities(self.beside))
        return {name: normalize(name, values) for name, values in self.others.items()}

    @property
    def codes(self) -> tuple[str, ...]:
        """The features that are codes of categories, not numbers."""
        return tuple(compress(self.source.features, cardinalities(self.encoding)))

    def unseen_in(self, rows: Array) -> dict[str, int]:
        """Of each column, how many of these rows have an unseen category; without those of none."""
        counts = {name: int(np.isin(rows, found).sum()) for name, found in self.unseen.items()}
        return {name: count for name, count in counts.items() if count}

    def encodings(self) -> dict[str, Any]:
        """What ``encoding.json`` of a run holds; empty where nothing was encoded."""
        found = {"sample": self.encoding, "beside": self.beside}
        return {key: encoding_to_json(each) for key, each in found.items() if each is not None}

    def inspection(self) -> dict[str, Any]:
        """What ``inspect.json`` of a run holds: the findings, and the splits side by side."""
        at_hand = self.samples.array is not None  # no sample is made only to be measured
        summaries = {
            name: summarise(
                self.source.manifest,
                self.split.rows(name),
                self.measured(name) if at_hand or name == "train" else None,
                self.facts,
                self.texts,
            ).to_json()
            for name in self.split.names()
        }
        return {"findings": [finding.to_json() for finding in self.findings], "splits": summaries}

    def measured(self, split: str) -> Statistics:
        """The statistics of a split; only training's are normalised with."""
        if split == "train":
            return self.statistics
        rows, manifest = self.split.rows(split), self.source.manifest
        return measure(self.samples, manifest, rows, self.source.kind, self.normalizer.transform)


def assemble_data(config: ExperimentConfig, console: Console, *, judge: bool = True) -> Data:
    """Read the manifest, check and split it, prepare every sample once, measure the training split.

    judge: act on what the checks find, as ``data.checks`` says: DataError, or lines in the log. Otherwise
    it is only in the result, without the samples that can't be used.
    """
    reading, split = read_and_split(config, console)
    findings = reading.findings
    if config.data.checks != "off":
        findings = (*findings, *_checked(reading, split, config))
        if judge:
            act_on(findings, config.data.checks)
    for note in reading.source.notes if judge else ():
        log.info(note)
    if reading.source.unused and judge:
        log.info(f"columns that are no features: {listed_columns(reading.source.unused)}")
    return _assembled(reading, split, findings, config, console)


def read_and_split(config: ExperimentConfig, console: Console) -> tuple[Reading, Split]:
    """The samples that can be used, and their split; DataError where that can't be made."""
    return split_of(read_data(config, console), config)


def read_data(config: ExperimentConfig, console: Console) -> Reading:
    """The samples that can be used, and what is wrong with the others; as far as ``data.checks`` asks.

    Raises ConfigError where ``evaluation.positive`` is not one of two classes.
    """
    target = task_class(config.task).target
    reading = read_source(config.data, target, cache=config.cache_folder, console=console)
    reading = settle_sounds(reading, config.data, cache=config.cache_folder, console=console)
    check_positive(config.evaluation.positive, reading.source.manifest)
    return reading


def split_of(reading: Reading, config: ExperimentConfig) -> tuple[Reading, Split]:
    """The split of what was read, and the samples that it is of; DataError where it can't be made."""
    checked = config.data.checks != "off"
    try:
        return split_usable(reading, config.data.split, config.seed, checked=checked)
    except DataError as error:
        # what was set aside may be why there is too little left to split, or not be in a given split
        raise DataError(*problems_of(reading.findings), *error.problems) from None


def _checked(reading: Reading, split: Split, config: ExperimentConfig) -> list[Finding]:
    """What the checks say about the samples in their splits."""
    component, manifest = config.data.split, reading.source.manifest
    drawn = manifest.splits is None if component is None else component.name not in ("file", "column")
    found = find_leaks(reading.subject, split, reading.facts, drawn=drawn)
    if isinstance(reading.facts, FileFacts):
        found += file_oddities(reading.subject, reading.facts)
    elif reading.facts is not None:
        found += sound_oddities(reading.subject, reading.facts)
    return found + mask_oddities(reading.subject) + find_oddities(reading.subject, split)


def _assembled(
    reading: Reading,
    split: Split,
    findings: tuple[Finding, ...],
    config: ExperimentConfig,
    console: Console,
    run: Run | None = None,
) -> Data:
    """The samples encoded, prepared and measured; ``run``: by its encodings and statistics."""
    # only now: which rows go to which split does not depend on what is positive
    source = with_positive_last(reading.source, config.evaluation.positive)
    data = encoded_data(source, split, config, console, run)
    return replace(data, findings=findings, excluded=reading.excluded, facts=reading.facts)


def encoded_data(
    source: Source, split: Split, config: ExperimentConfig, console: Console, run: Run | None
) -> Data:
    """The samples as numbers, prepared, and measured on the training split; ``run``: as that run has it."""
    check_texts(source, config.data)
    encoding, beside = encodings_of(source, split, config, run)
    source, encoded = encode_source(source, encoding)
    texts = facts_of_texts(source, encoding, encoded, split.train)
    unseen = {} if encoded is None else encoded.unseen
    others = dict(source.others)
    if beside is not None:
        assert source.beside is not None
        others[COLUMNS] = beside.encode(source.beside).values
    prepare = build_prepare(config.data.prepare, sound_rate(source))
    transform = build_transform(config.data.transform, prepare.rate)
    samples = _prepared(named_by(encoding, source), prepare, config, console)
    masks = None
    if source.masks is not None:
        masks = prepare_masks(source, samples, prepare, config.data.cache, config.cache_folder, console)
    if run is not None:
        statistics = load_statistics(run)
    else:
        statistics = measure(samples, source.manifest, split.train, source.kind, transform)
        statistics = replace(statistics, others=measure_others(others, split.train))
    shape = transform.shape(samples.shape)
    codes = cardinalities(encoding)
    normalizer = build_normalizer(config.data, statistics, shape, source.kind, codes, prepare.rate)
    parts = source, split, prepare, samples, statistics, normalizer, encoding, beside, others, masks
    return Data(*parts, unseen=unseen, texts=texts)


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
    reading, split_of_run = read_and_split(own, console)
    if config.data.checks == "strict":  # what it trained on was whole
        act_on(reading.findings, "strict")
    data = _assembled(reading, split_of_run, (), own, console, run)
    if data.source.digest[:16] != (config.derived or {}).get("data_digest"):
        raise DataError(
            Problem(
                "the data is no longer what the run was trained on",
                str(run.path),
                "restore it, or score other data with `epochal evaluate RUN --data PATH`",
            )
        )
    return data
