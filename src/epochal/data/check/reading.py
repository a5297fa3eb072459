"""A source with what can't be used set aside and told, so that one fault does not hide the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.check.declared import apply_declared
from epochal.data.check.exclude import excluded_rows, subset
from epochal.data.check.files import FileFacts, file_faults, scan_files
from epochal.data.check.findings import Finding, Subject, problems_of
from epochal.data.check.masks import mask_faults
from epochal.data.check.sounds import SoundFacts
from epochal.data.check.texts import usable_texts
from epochal.data.column_types import NEARLY_NUMERIC, parse
from epochal.data.config import DataConfig
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array, Source, TargetKind
from epochal.data.problems import counted
from epochal.data.remote import localized
from epochal.data.sounds import SoundFiles
from epochal.data.sources import open_source
from epochal.data.sources.draft import Draft
from epochal.data.tables import Table
from epochal.errors import DataError, Problem


@dataclass(frozen=True)
class Reading:
    """A source, and what was found while it was read.

    subject: the samples that can be used and were not excluded. excluded: row of the whole source -> its
    FILENAME, of those that were. facts: of image or sound files, where they were looked at.
    """

    subject: Subject
    findings: tuple[Finding, ...]
    excluded: dict[int, str]
    facts: FileFacts | SoundFacts | None = None

    @property
    def source(self) -> Source:
        """The samples."""
        return self.subject.source

    def some(self, rows: Array, findings: Sequence[Finding]) -> Reading:
        """The same without the other rows, which these findings are about."""
        facts = None if self.facts is None else self.facts[rows]
        return Reading(self.subject.some(rows), (*self.findings, *findings), self.excluded, facts)


def read_source(config: DataConfig, target_kind: TargetKind, *, cache: Path, console: Console) -> Reading:
    """The samples of a source; where they are checked, without those that can't be used.

    Raises DataError for what is wrong with the whole, and without checks for single samples too.
    """
    component, checked = localized(config.source, cache, console), config.checks != "off"
    own_channels = checked and component.name in ("folder", "table") and _auto_channels(component)
    if own_channels:  # every header is read below: the source need not do it
        component = Component.model_validate({"name": component.name, **component.arguments, "channels": 3})
    try:
        found = open_source(component, target_kind)
        if isinstance(found, Draft):
            reading = _from_draft(found, component, config.exclude, checked)
        else:
            reading = _from_source(found, config.exclude)
    except OSError as error:  # a file that may not be read
        raise DataError(Problem(f"can't be read: {error.strerror}", where=str(error.filename))) from error
    subject, findings = apply_declared(reading.subject, config)
    reading = replace(reading, subject=subject, findings=(*reading.findings, *findings))
    return _look_at_files(reading, cache, console, own_channels) if checked else reading


def _auto_channels(component: Component) -> bool:
    images = component.name == "folder" or "file" in component.arguments
    return images and component.arguments.get("channels", "auto") == "auto"


def _look_at_files(reading: Reading, cache: Path, console: Console, own_channels: bool) -> Reading:
    """The same without the image files that are broken; own_channels: 1 where all files are gray, else 3."""
    read = reading.source.read
    if reading.source.kind == "text":
        usable, faults = usable_texts(reading.subject)
        return reading.some(usable, faults) if faults else reading
    if not isinstance(read, ImageFiles):
        return _without_bad_masks(reading)
    facts = scan_files(read.paths, cache, console)
    good = np.flatnonzero(facts.fault == "")
    faults = file_faults(reading.subject, facts)
    if not len(good):
        raise DataError(*problems_of((*reading.findings, *faults)))
    reading = replace(reading, facts=facts)
    if faults:
        reading = reading.some(good, faults)
    reading = _without_bad_masks(reading)
    assert isinstance(reading.facts, FileFacts)
    if own_channels:
        kept = reading.source.read
        assert isinstance(kept, ImageFiles)
        channels = 1 if reading.facts.is_gray().all() else 3
        source = replace(reading.source, read=replace(kept, channels=channels))
        reading = replace(reading, subject=replace(reading.subject, source=source))
    return reading


def _without_bad_masks(reading: Reading) -> Reading:
    facts = reading.facts if isinstance(reading.facts, FileFacts) else None
    found = mask_faults(reading.subject, facts)
    bad = {row for finding in found for row in finding.rows}
    good = np.flatnonzero([row not in bad for row in reading.subject.origin.tolist()])
    if not len(good):
        raise DataError(*problems_of((*reading.findings, *found)))
    return reading.some(good, found) if found else reading


def _from_source(source: Source, exclude: str | None) -> Reading:
    left_out, excluded = _excluded(exclude, source.manifest.filenames)
    origin = np.flatnonzero(~left_out)
    if excluded:
        source = subset(source, origin)
    read = source.read
    if isinstance(read, ImageFiles | SoundFiles):
        places = read.paths
    else:
        places = [f"row {row}" for row in origin.tolist()]
    return Reading(Subject(source, origin, places), (), excluded)


def _from_draft(draft: Draft, component: Component, exclude: str | None, checked: bool) -> Reading:
    left_out, excluded = _excluded(exclude, draft.filenames)
    origin = np.flatnonzero(~left_out)
    if not checked:
        return Reading(_subject(draft, draft.source(origin), origin), (), excluded)
    findings = [_empty_classes(draft.empty)] if draft.empty else []
    try:
        source = draft.build(origin)
    except DataError as error:
        faults = draft.problems(origin)
        noun = {"folder": "image", "series": "sample"}.get(component.name, "row")
        findings += [
            _row_finding(kind, found, draft.filenames, noun) for kind, found in faults.items() if found
        ]
        for finding in findings:
            left_out[list(finding.rows)] = True
        origin = np.flatnonzero(~left_out)
        told = problems_of(findings)
        if not any(faults.values()) or not len(origin):
            raise DataError(*told, *(error.problems if not any(faults.values()) else ())) from None
        try:
            source = draft.build(origin)
        except DataError as of_the_rest:
            raise DataError(*told, *of_the_rest.problems) from None
    if draft.table is not None and component.arguments.get("file") is None:
        findings += _nearly_numeric(draft.table, source, draft.filenames)
    return Reading(_subject(draft, source, origin), tuple(findings), excluded)


def _subject(draft: Draft, source: Source, origin: Array) -> Subject:
    return Subject(source, origin, [draft.place(row) for row in origin.tolist()])


def _excluded(path: str | None, filenames: pl.Series) -> tuple[Array, dict[int, str]]:
    """Which samples a table names, bool [N], and the row and FILENAME of each."""
    if path is None:
        return np.zeros(len(filenames), np.bool_), {}
    left_out = excluded_rows(path, filenames.to_list())
    if left_out.all():
        raise DataError(Problem("it names every sample", where=path, mend="name those to leave out"))
    return left_out, {row: filenames[row] for row in np.flatnonzero(left_out).tolist()}


_WORDS = {
    "bad_target": "without a target that can be used",
    "missing_file": "with a file that can't be used",
    "repeated_file": "with a file that another row names",
    "contradictory_row": "with a file that another row names with another target",
    "bad_feature": "with a feature that can't be used",
    "bad_group": "without a group",
    "bad_split": "without a split",
    "bad_input": "with NaN or infinity in the input",
    "no_class": "in no class folder",
    "bad_step": "with a step that can't be used",
}


def _row_finding(kind: str, found: Sequence[tuple[int, Problem]], filenames: pl.Series, noun: str) -> Finding:
    """One finding about rows, files what they are (the noun); several problems of one are told one by one."""
    rows = [row for row, _ in found]
    count = len(set(rows))
    return Finding(
        kind,
        "error",
        f"{counted(count, noun)} {_WORDS[kind]}",
        found[0][1].mend or "fill it in, or leave the row out",
        count,
        rows=tuple(rows),
        filenames=tuple(filenames[row] for row in rows),
        places=tuple(problem.where for _, problem in found),
        notes=tuple(problem.what for _, problem in found),
        drop={row: filenames[row] for row in rows},
    )


def _empty_classes(problems: Sequence[Problem]) -> Finding:
    return Finding(
        "empty_class",
        "error",
        f"{counted(len(problems), 'class folder')} without an image",
        problems[0].mend,
        len(problems),
        places=tuple(problem.where for problem in problems),
        notes=tuple(problem.what for problem in problems),
    )


def _nearly_numeric(table: Table, source: Source, filenames: pl.Series) -> list[Finding]:
    """Columns of numbers but for a few cells, which are therefore no features."""
    found = []
    for name in [name for name, why in source.unused if why.startswith(NEARLY_NUMERIC)]:
        values = table.frame[name]
        rows = parse(values, "number").wrong.arg_true().to_list()
        found.append(
            Finding(
                "nearly_numeric",
                "warning",
                f"column '{name}' is no feature: it has {counted(len(rows), 'cell')} of no number",
                f"mend the cells, or say what it holds: types: {{{name}: category}}",
                len(rows),
                rows=tuple(rows),
                filenames=tuple(filenames[row] for row in rows),
                places=tuple(table.place(row) for row in rows),
                notes=tuple(f"'{name}' is '{values[row]}'" for row in rows),
            )
        )
    return found
