"""Classes and ranges of targets that the configuration declares: what is outside of them is set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epochal.data.check.findings import Finding, Subject, listed, problems_of
from epochal.data.config import DataConfig
from epochal.data.manifest import Array, Source
from epochal.data.problems import counted
from epochal.errors import ConfigError, DataError, Problem, did_you_mean

_MEND = "correct the labels, or add them to data.classes"


def apply_declared(subject: Subject, config: DataConfig) -> tuple[Subject, list[Finding]]:
    """The samples within ``data.classes`` and ``data.target_range``, and an error for each kind outside.

    Classes come in the declared order; one without a sample is left out. Raises ConfigError where what is
    declared does not suit the targets, and DataError where nothing is left, or without checks anything is
    outside.
    """
    subject, findings = _within_range(subject, config)
    if config.classes is not None:
        subject, of_classes = _within_classes(subject, config.classes)
        findings += of_classes
    if config.checks == "off":  # a class without samples is nothing that training would stumble over
        findings = [finding for finding in findings if finding.rows]
        if findings:
            raise DataError(*problems_of(findings))
    return subject, findings


def _within_classes(subject: Subject, classes: Sequence[str]) -> tuple[Subject, list[Finding]]:
    manifest = subject.source.manifest
    if manifest.target_kind == "value":
        mend = "take it away, or declare data.target_range"
        raise ConfigError(Problem("the targets are values, not classes", "data.classes", mend))
    if manifest.target_kind == "mask":
        mend = "name them as 'classes' or 'colors' of the source"
        raise ConfigError(Problem("the targets are masks", "data.classes", mend))
    by_class = manifest.target_kind == "class"
    outside = [place for place, name in enumerate(manifest.names) if name not in classes]
    has = np.isin(manifest.targets, outside)[:, None] if by_class else manifest.targets[:, outside] > 0
    rows = np.flatnonzero(has.any(axis=1))
    findings = []
    if len(rows):
        first = manifest.targets[rows] if by_class else np.array(outside)[has[rows].argmax(axis=1)]
        said = {place: _undeclared(manifest.names[place], classes) for place in outside}
        notes = [said[place] for place in first.tolist()]
        count = len(set(first.tolist()))
        what = f"{counted(len(rows), 'sample')} with {counted(count, 'label')} outside the declared set"
        findings.append(subject.finding("undeclared_label", "error", what, _MEND, rows, notes, drop=rows))
        subject = _left(subject, rows, findings)
    manifest = subject.source.manifest
    given = np.unique(manifest.targets) if by_class else np.flatnonzero(manifest.targets.any(axis=0))
    present = [manifest.names[place] for place in given.tolist()]
    absent = [name for name in classes if name not in present]
    if absent:
        what = f"{counted(len(absent), 'declared label')} without a sample: {listed(absent)}"
        mend = "add samples, or take it out of data.classes"
        findings.append(Finding("absent_label", "error", what, mend, len(absent)))
    names = tuple(name for name in classes if name in present)
    if len(names) < 2 and by_class:
        told = problems_of(findings)
        what = f"{len(names)} of the declared classes has samples"
        raise DataError(*told, Problem(what, "data.classes", "classification needs two classes or more"))
    return replace(subject, source=_in_order(subject.source, names)), findings


def _undeclared(name: str, classes: Sequence[str]) -> str:
    near = did_you_mean(name.strip(), classes)
    return f"the label {name!r} is not declared" + (f" ({near})" if near.startswith("did you mean") else "")


def _in_order(source: Source, names: tuple[str, ...]) -> Source:
    """The source with its classes or labels in this order; others, which no sample has, are gone."""
    manifest = source.manifest
    if manifest.names == names:
        return source
    places = np.array([manifest.names.index(name) for name in names])
    if manifest.target_kind == "class":
        number = np.zeros(len(manifest.names), np.int64)
        number[places] = np.arange(len(names))
        targets = number[manifest.targets]
    else:
        targets = manifest.targets[:, places]
    digest = hashlib.blake2b(source.digest.encode() + "\0".join(names).encode(), digest_size=16)
    return replace(
        source, manifest=replace(manifest, targets=targets, names=names), digest=digest.hexdigest()
    )


def _within_range(subject: Subject, config: DataConfig) -> tuple[Subject, list[Finding]]:
    manifest = subject.source.manifest
    ranges = config.target_range
    if ranges is None:
        return subject, []
    if manifest.target_kind != "value":
        mend = "take it away, or declare data.classes"
        raise ConfigError(Problem("the targets are classes, not values", "data.target_range", mend))
    if not isinstance(ranges, dict):
        ranges = dict.fromkeys(manifest.names, ranges)
    unknown = [name for name in ranges if name not in manifest.names]
    if unknown:
        where, names = "data.target_range", manifest.names
        raise ConfigError(
            *(Problem(f"no target is called '{name}'", where, did_you_mean(name, names)) for name in unknown)
        )
    findings = []
    rows: Array = np.zeros(0, np.int64)
    for name, bounds in ranges.items():
        values = manifest.targets[:, manifest.names.index(name)]
        low, high = np.array(bounds).astype(values.dtype)  # as the values were: 0.1 is within 0.1
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong):
            given = f"{bounds[0]:g} to {bounds[1]:g}"
            what = f"{counted(len(wrong), 'value')} of the target '{name}' outside of {given}"
            notes = [f"the target '{name}' is {values[row]:g}" for row in wrong]
            mend = "correct the values, or widen data.target_range"
            kind = "target_out_of_range"
            findings.append(subject.finding(kind, "error", what, mend, wrong, notes, drop=wrong))
            rows = np.union1d(rows, wrong)
    return (_left(subject, rows, findings) if len(rows) else subject), findings


def _left(subject: Subject, rows: Array, findings: Sequence[Finding]) -> Subject:
    """The subject without these rows; DataError where none is left."""
    good = np.setdiff1d(np.arange(len(subject.origin)), rows)
    if not len(good):
        raise DataError(*problems_of(findings))
    return subject.some(good)
