"""What is odd about classes, targets and features."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from epochal.data.check.columns import BY_CHANCE, column_values, find_gaps, telling_categories
from epochal.data.check.findings import Finding, Severity, Subject, listed
from epochal.data.manifest import Array
from epochal.data.problems import counted
from epochal.data.split import Split

_IMBALANCE = 10
_FAR = 10.0
"""Interquartile ranges from the middle half beyond which a target is an outlier; boxplots call 3 far."""
_DISTINCT = 10
_SOME = 1000


def find_oddities(subject: Subject, split: Split) -> list[Finding]:
    """All about single classes, targets and features; nothing here looks at two samples together."""
    of_columns = [*find_gaps(subject.source, split), *_features(subject, split)]
    return [*_labels(subject), *_classes(subject, split), *_targets(subject), *of_columns]


def _labels(subject: Subject) -> list[Finding]:
    """Names of classes or labels that differ in case, or in spaces or hyphens between words, alone."""
    manifest = subject.source.manifest
    alike: dict[str, list[str]] = defaultdict(list)
    for name in manifest.names:
        # a hyphen at an end says something: -1 and 1, A and A-
        plain = re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", name.casefold().strip())
        alike[plain].append(name)
    found = []
    for names in alike.values():
        if len(names) > 1 and manifest.target_kind != "value":
            written = listed(names)
            usual = max(names, key=lambda name: len(_rows_of(subject, [name])))
            rows = _rows_of(subject, [name for name in names if name != usual])
            what = f"the labels {written} are nearly the same"
            found.append(subject.finding("similar_labels", "warning", what, "write them alike", rows))
    return found


def _rows_of(subject: Subject, names: Sequence[str]) -> Array:
    manifest = subject.source.manifest
    columns = [manifest.names.index(name) for name in names]
    if manifest.target_kind == "class":
        return np.flatnonzero(np.isin(manifest.targets, columns))
    return np.flatnonzero(manifest.targets[:, columns].any(axis=1))


def _classes(subject: Subject, split: Split) -> list[Finding]:
    """Classes and labels with too few samples, and classes of very different sizes."""
    manifest = subject.source.manifest
    if manifest.target_kind == "value":
        return []
    counts = {name: _counts(subject, split.rows(name)) for name in split.names()}
    found = []
    few = [manifest.names[index] for index in np.flatnonzero(counts["train"] < 2)]
    if few:
        what = f"train has fewer than 2 samples of {listed(few)}"
        found.append(_about(len(few), "few_samples", "warning", what, "add samples, or leave the class out"))
    for name, numbers in counts.items():
        none = [manifest.names[index] for index in np.flatnonzero(numbers == 0)]
        if none and name != "train":
            what = f"{name} has no sample of {listed(none)}"
            mend = "add samples, or split otherwise: its scores say nothing of them"
            found.append(_about(len(none), "no_samples", "warning", what, mend))
    present = counts["train"][counts["train"] > 0]
    if manifest.target_kind == "class" and len(present) and present.max() >= _IMBALANCE * present.min():
        names = [manifest.names[int(pick(counts["train"]))] for pick in (np.argmax, _argmin_present)]
        what = (
            f"classes are unbalanced in train: {present.max():,} samples of '{names[0]}', "
            f"{present.min():,} of '{names[1]}'"
        )
        mend = "weigh the loss (loss.weight: balanced) and follow balanced_accuracy"
        found.append(_about(1, "imbalance", "warning", what, mend))
    return found


def _argmin_present(counts: Array) -> np.intp:
    return np.argmin(np.where(counts > 0, counts, counts.max() + 1))


def _counts(subject: Subject, rows: Array) -> Array:
    manifest = subject.source.manifest
    if manifest.target_kind == "class":
        return np.bincount(manifest.targets[rows], minlength=len(manifest.names))
    if manifest.target_kind == "mask":
        return np.asarray(np.count_nonzero(manifest.targets[rows], axis=0))
    return np.asarray(manifest.targets[rows].sum(axis=0, dtype=np.int64))


def _targets(subject: Subject) -> list[Finding]:
    """Values that do not vary, and values far from all others."""
    manifest = subject.source.manifest
    if manifest.target_kind != "value":
        return []
    found = []
    for name, values in zip(manifest.names, manifest.targets.astype(np.float64).T, strict=True):
        if values.min() == values.max():
            what = f"the target '{name}' is always {values[0]:g}"
            found.append(_about(1, "constant_target", "warning", what, "choose another column"))
            continue
        low, high = np.quantile(values, (0.25, 0.75))
        reach = _FAR * ((high - low) or values.std())
        rows = np.flatnonzero((values < low - reach) | (values > high + reach))
        if len(rows):
            what = f"{counted(len(rows), 'value')} of the target '{name}' far outside of the others"
            mend = (
                f"half of all lie in {low:g} to {high:g}: look whether they are mistakes or marks of no value"
            )
            notes = [f"the target '{name}' is {values[row]:g}" for row in rows]
            found.append(subject.finding("outlying_target", "warning", what, mend, rows, notes))
    return found


def _features(subject: Subject, split: Split) -> list[Finding]:
    """Columns that never vary, and columns that give the target away alone."""
    source = subject.source
    columns = column_values(source)
    if columns is None:
        return []
    names = source.features or tuple(f"feature {index}" for index in range(columns.shape[1]))
    train = columns[split.train]
    constant = np.flatnonzero(train.min(axis=0) == train.max(axis=0))
    found = []
    if len(constant):
        what = f"in train these columns never vary: {listed([names[index] for index in constant])}"
        found.append(_about(len(constant), "constant_column", "warning", what, "leave them out"))
    categories = telling_categories(subject)
    telling = [
        name
        for name, values in zip(names, columns.T, strict=True)
        if name in categories
        or _tells(values.astype(np.float64), source.manifest.targets, source.manifest.target_kind)
    ]
    if telling:
        means = {
            "class": "tell the classes apart without a mistake (AUC 1)",
            "labels": "tell a label from the others without a mistake (AUC 1)",
            "value": "order the targets without a mistake",
        }[source.manifest.target_kind]
        what = f"columns that alone {means}: {listed(telling)}"
        mend = "leave out what is not known before the target is (source.features)"
        # where there is no other column, learning from this one is what is asked for
        severity: Severity = "error" if len(names) > 1 else "warning"
        found.append(_about(len(telling), "telling_column", severity, what, mend))
    return found


def _tells(values: Array, targets: Array, kind: str) -> bool:
    """Whether a column orders the targets, or one of them, without a mistake, and not by chance."""
    columns = targets[:, None].T if kind == "class" else targets.T
    found = _monotone if kind == "value" else _separates
    orders = _is_monotone if kind == "value" else _lie_apart
    some = slice(None, None, max(1, len(values) // _SOME))  # what orders all, orders these; few columns do
    return any(orders(values[some], column[some]) and found(values, column) for column in columns)


def _separates(values: Array, classes: Array) -> bool:
    """Whether the values of each class lie apart from those of every other: each pair has an AUC of 0 or 1.

    Under random order this has the probability of k! · ∏ nₖ! / N!, which must be tiny.
    """
    if not _lie_apart(values, classes):
        return False
    sizes = np.bincount(classes)
    sizes = sizes[sizes > 0]
    logarithm = math.lgamma(len(sizes) + 1) + sum(math.lgamma(size + 1) for size in sizes.tolist())
    return logarithm - math.lgamma(len(classes) + 1) < math.log(BY_CHANCE)


def _lie_apart(values: Array, classes: Array) -> bool:
    order = np.argsort(values, kind="stable")
    ranked, labels = values[order], classes[order]
    borders = np.flatnonzero(labels[1:] != labels[:-1])
    return len(borders) == len(np.unique(classes)) - 1 and bool((ranked[borders] < ranked[borders + 1]).all())


def _monotone(values: Array, targets: Array) -> bool:
    """Whether the target never falls, or never rises, with the value, and both have many values."""
    many = len(np.unique(targets)) >= _DISTINCT and len(np.unique(values)) >= _DISTINCT
    return many and _is_monotone(values, targets)


def _is_monotone(values: Array, targets: Array) -> bool:
    """Equal values have equal targets, too."""
    order = np.lexsort((targets, values))
    steps, changes = np.diff(values[order]), np.diff(targets[order])
    if (changes[steps == 0] != 0).any():
        return False
    return bool((changes >= 0).all() or (changes <= 0).all())


def _about(count: int, kind: str, severity: Severity, what: str, mend: str) -> Finding:
    """A finding about classes or columns, not rows."""
    return Finding(kind, severity, what, mend, count)
