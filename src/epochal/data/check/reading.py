"""A source with what can't be used set aside and told, so that one fault does not hide the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.check.exclude import excluded_rows, subset, table_source_without, without
from epochal.data.check.files import FileFacts, file_faults, scan_files
from epochal.data.check.findings import Finding, Subject, counted
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array, Source, TargetKind
from epochal.data.remote import localized
from epochal.data.sources import build_source
from epochal.data.sources.table import _image_paths, _targets
from epochal.data.tables import (
    Table,
    feature_matrix,
    numeric_columns,
    read_table,
    required_texts,
    split_words,
)
from epochal.errors import DataError, Problem

_NUMERIC = 0.9


@dataclass(frozen=True)
class Reading:
    """A source, and what was found while it was read.

    subject: the samples that can be used and were not excluded. excluded: row of the whole source -> its
    FILENAME, of those that were. facts: of image files, where they were looked at.
    """

    subject: Subject
    findings: tuple[Finding, ...]
    excluded: dict[int, str]
    facts: FileFacts | None

    @property
    def source(self) -> Source:
        """The samples."""
        return self.subject.source


def read_source(
    component: Component,
    target_kind: TargetKind,
    *,
    exclude: str | None,
    checked: bool,
    cache: Path,
    console: Console,
) -> Reading:
    """The samples of a source; where they are checked, without those that can't be used.

    Raises DataError for what is wrong with the whole, and without checks for single samples too.
    """
    component = localized(component, cache, console)
    own_channels = checked and component.name in ("folder", "table") and _auto_channels(component)
    if own_channels:  # every header is read below: the source need not do it
        component = Component.model_validate({"name": component.name, **component.arguments, "channels": 3})
    if component.name == "table" and (checked or exclude is not None):
        reading = _read_table(component, target_kind, exclude, checked)
    else:
        reading = _read_other(component, target_kind, exclude)
    read = reading.source.read
    if not checked or not isinstance(read, ImageFiles):
        return reading
    facts = scan_files(read.paths, cache, console)
    good = np.flatnonzero(facts.fault == "")
    faults = file_faults(reading.subject, facts)
    if not len(good):
        raise DataError(*(problem for fault in faults for problem in fault.problems(5)))
    subject = reading.subject
    if faults:
        subject = Subject(
            subset(subject.source, good), subject.origin[good], [subject.places[row] for row in good.tolist()]
        )
    facts = facts[good]
    if own_channels:
        kept = subject.source.read
        assert isinstance(kept, ImageFiles)
        channels = 1 if facts.is_gray().all() else 3
        subject = replace(subject, source=replace(subject.source, read=replace(kept, channels=channels)))
    return Reading(subject, (*reading.findings, *faults), reading.excluded, facts)


def _auto_channels(component: Component) -> bool:
    images = component.name == "folder" or "file" in component.arguments
    return images and component.arguments.get("channels", "auto") == "auto"


def _read_other(component: Component, target_kind: TargetKind, exclude: str | None) -> Reading:
    try:
        source = build_source(component, target_kind)
    except OSError as error:  # a link to nothing, a file that may not be read
        raise DataError(Problem(f"can't be read: {error.strerror}", where=str(error.filename))) from error
    filenames = source.manifest.filenames.to_list()
    origin = np.arange(len(filenames))
    excluded: dict[int, str] = {}
    if exclude is not None:
        left_out = excluded_rows(exclude, filenames)
        excluded = {row: filenames[row] for row in np.flatnonzero(left_out).tolist()}
        origin = _some_left(left_out, exclude)
        source = subset(source, origin)
    places = source.read.paths if isinstance(source.read, ImageFiles) else [f"row {row}" for row in origin]
    return Reading(Subject(source, origin, places), (), excluded, None)


def _read_table(component: Component, target_kind: TargetKind, exclude: str | None, checked: bool) -> Reading:
    arguments = component.arguments
    table = read_table(arguments["path"], arguments.get("sheet"))
    filenames = _filenames(table, arguments.get("file"))
    left_out = np.zeros(len(table), np.bool_)
    if exclude is not None:
        left_out = excluded_rows(exclude, filenames)
        _some_left(left_out, exclude)
    excluded = {row: filenames[row] for row in np.flatnonzero(left_out).tolist()}
    findings: list[Finding] = []
    try:
        source = _built(component, table, left_out, target_kind)
    except DataError:
        if not checked or table.missing(_columns(arguments)):
            raise
        faults = _row_faults(without(table, left_out), arguments, target_kind)
        if not any(faults.values()):
            raise
        origin = np.flatnonzero(~left_out)
        findings = [_row_finding(kind, found, origin, filenames) for kind, found in faults.items() if found]
        for finding in findings:
            left_out[list(finding.rows)] = True
        if left_out.all():
            raise
        source = _built(component, table, left_out, target_kind)
    origin = np.flatnonzero(~left_out)
    places = [table.place(row) for row in origin.tolist()]
    if checked and arguments.get("file") is None and not arguments.get("features"):
        findings += _nearly_numeric(table, arguments, filenames)
    return Reading(Subject(source, origin, places), tuple(findings), excluded, None)


def _built(component: Component, table: Table, left_out: Array, target_kind: TargetKind) -> Source:
    if not left_out.any():
        return build_source(component, target_kind)
    return table_source_without(component, table, left_out, target_kind)


def _filenames(table: Table, column: str | None) -> list[str]:
    if column is None or column not in table.frame.columns:
        return [str(row) for row in range(len(table))]
    written = table.frame[column].cast(pl.String).fill_null("")
    return [os.path.normpath(text).replace(os.sep, "/") if text else "" for text in written]


def _some_left(left_out: Array, path: str) -> Array:
    kept = np.flatnonzero(~left_out)
    if not len(kept):
        raise DataError(Problem("it names every sample", where=path, mend="name those to leave out"))
    return kept


_WORDS = {
    "bad_target": "without a target that can be used",
    "missing_file": "with a file that can't be used",
    "repeated_file": "with a file that another row names",
    "bad_feature": "with a feature that is missing or not finite",
    "bad_group": "without a group",
    "bad_split": "without a split",
}


def _row_faults(
    table: Table, arguments: dict[str, Any], kind: TargetKind
) -> dict[str, list[tuple[int, Problem]]]:
    """Every row that the source would refuse, by what is wrong with it."""
    found: dict[str, list[Problem]] = {name: [] for name in _WORDS}
    target, column = arguments["target"], arguments.get("file")
    group, split = arguments.get("group"), arguments.get("split")
    if group is not None:
        required_texts(table, group, found["bad_group"])
    if split is not None:
        split_words(table, split, found["bad_split"])
    _targets(table, target, kind, found["bad_target"])
    if column is not None:
        root = Path(arguments.get("root") or table.path.parent).expanduser()
        problems: list[Problem] = []
        _image_paths(table, column, root, problems)
        for problem in problems:
            repeated = "is listed at" in problem.what
            found["repeated_file" if repeated else "missing_file"].append(problem)
    else:
        feature_matrix(table, _features(table, arguments), found["bad_feature"])
    rows = {table.place(row): row for row in range(len(table))}
    return {
        name: [(rows[problem.where], problem) for problem in problems if problem.where in rows]
        for name, problems in found.items()
    }


def _features(table: Table, arguments: dict[str, Any]) -> list[str]:
    given: list[str] | None = arguments.get("features")
    return given or [name for name in numeric_columns(table) if name not in _other_parts(arguments)]


def _columns(arguments: dict[str, Any]) -> list[str]:
    """Every column that the source names."""
    named = [*_other_parts(arguments), arguments.get("file"), *(arguments.get("features") or ())]
    return [name for name in named if name is not None]


def _other_parts(arguments: dict[str, Any]) -> list[Any]:
    target = arguments["target"]
    targets = [target] if isinstance(target, str) else target
    return [*targets, arguments.get("group"), arguments.get("split")]


def _row_finding(
    kind: str, found: Sequence[tuple[int, Problem]], origin: Array, filenames: Sequence[str]
) -> Finding:
    """One finding about rows of a table; several problems of a row are told one by one."""
    rows = [int(origin[row]) for row, _ in found]
    count = len(set(rows))
    return Finding(
        kind,
        "error",
        f"{counted(count, 'row')} {_WORDS[kind]}",
        found[0][1].mend or "fill it in, or leave the row out",
        count,
        rows=tuple(rows),
        filenames=tuple(filenames[row] for row in rows),
        places=tuple(problem.where for _, problem in found),
        notes=tuple(problem.what for _, problem in found),
        drop={row: filenames[row] for row in rows},
    )


def _nearly_numeric(table: Table, arguments: dict[str, Any], filenames: Sequence[str]) -> list[Finding]:
    """Columns of numbers but for a few cells, which are therefore no features."""
    found = []
    for name in table.frame.columns:
        values = table.frame[name]
        if (
            values.dtype != pl.String
            or name in _other_parts(arguments)
            or not values.len() - values.null_count()
        ):
            continue
        wrong = values.is_not_null() & values.cast(pl.Float64, strict=False).is_null()
        rows = wrong.arg_true().to_list()
        if rows and len(rows) <= (1 - _NUMERIC) * (len(values) - values.null_count()):
            found.append(
                Finding(
                    "nearly_numeric",
                    "warning",
                    f"column '{name}' is no feature: it has {counted(len(rows), 'cell')} of no number",
                    "mend the cells, or name the columns to use as 'features'",
                    len(rows),
                    rows=tuple(rows),
                    filenames=tuple(filenames[row] for row in rows),
                    places=tuple(table.place(row) for row in rows),
                    notes=tuple(f"'{name}' is '{values[row]}'" for row in rows),
                )
            )
    return found
