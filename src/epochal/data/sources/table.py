"""A table with one row a sample: image or sound files, texts or columns, and targets of any kind."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.columns import Chosen, choose_columns, typed_columns
from epochal.data.images import Channels
from epochal.data.manifest import Array, Manifest, Source, TargetKind, row_names
from epochal.data.masks.read import MaskOptions, mask_files
from epochal.data.problems import raise_problems
from epochal.data.sources.column_samples import column_samples
from epochal.data.sources.digest import digest_frame
from epochal.data.sources.draft import Draft, RowProblems
from epochal.data.sources.files import medium_of, source_of_files
from epochal.data.sources.listed_files import file_paths, mask_paths
from epochal.data.sources.targets import class_targets, no_targets, sort_names
from epochal.data.sources.text_folder import held_texts
from epochal.data.tables import (
    Table,
    numbers,
    read_table,
    required_texts,
    split_words,
    texts,
)
from epochal.errors import ConfigError, DataError, Problem

_BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def table(
    path: str | Path,
    *,
    file: str | None = None,
    text: str | None = None,
    target: str | list[str] | None = None,
    features: list[str] | None = None,
    types: dict[str, str] | None = None,
    group: str | None = None,
    split: str | None = None,
    root: str | Path | None = None,
    channels: Channels = "auto",
    sheet: str | None = None,
    classes: list[str] | dict[str, int] | None = None,
    colors: dict[str, list[int]] | None = None,
    ignore_index: int | list[int] | None = None,
    target_kind: TargetKind,
) -> Draft:
    """A CSV, Parquet, JSON or Excel file, one row a sample.

    file: the column of paths of images or sounds below ``root`` (by default the table's folder). text: the
        column of texts, by which samples are texts. Without both a sample is the vector of ``features``, by
        default every column that has no other part and can be used. Features with a file are a second input
        beside the image or sound: a network gets them by the names image (or series) and columns.
    path: of the file. root: the folder that paths count from. channels: as of ``folder``. sheet: of an Excel
    file, by default the first.
    types: of columns, ``number``, ``boolean``, ``date``, ``category`` or ``ignore``; inferred where it is not
        said. Where all are numbers and none is missing they are the vector; else the source has a frame.
    target: for classes one column; for labels several columns of 0 and 1, or one whose texts are separated
        by ``;`` or ``|``; for values one or several numeric columns; for masks the column of their paths
        below ``root``. Only a task without targets needs none.
    classes, colors, ignore_index: of masks, as of the source ``folder``.
    group, split: columns of what must not straddle splits, and of train, val or test.
    Raises DataError where columns are missing; what is wrong with rows is told by the draft.
    """
    if target is None and target_kind != "none":
        mend = "write {name: table, target: ...}"
        raise ConfigError(Problem("table needs 'target'", where="data.source", mend=mend))
    target = [] if target is None else target
    rows = read_table(path, sheet)
    targets = [target] if isinstance(target, str) else target
    others = [name for name in (group, split) if name is not None]
    inputs = [name for name in (file, text) if name is not None]
    raise_problems(rows.missing(list(dict.fromkeys([*inputs, *targets, *(features or ()), *others]))))
    if len(inputs) > 1 or (text is not None and features is not None):
        mend = "give images by 'file', texts by 'text', or vectors by 'features'"
        raise ConfigError(Problem("a table gives samples of one kind", "data.source", mend))
    if target_kind == "mask" and file is None:
        mend = "name the column of images as 'file' and that of masks as 'target', or choose another task"
        raise ConfigError(Problem("segmentation takes images and masks", "data.source", mend))
    if inputs and features is None and types is not None:
        mend = "leave it out: images or texts are the samples"
        raise ConfigError(Problem("'types' are of columns that are features", "data.source.types", mend))
    if both := [name for name in targets if name in (features or ())]:
        what = f"'{both[0]}' is a feature and the target"
        raise ConfigError(Problem(what, str(rows.path), "leave one of them out"))
    base = Path(root).expanduser() if root is not None else rows.path.parent
    chosen = None
    if not inputs or features is not None:
        chosen = choose_columns(rows, (*targets, *others), features or (), types or {})
    options = MaskOptions(classes, colors, ignore_index)
    columns = _Columns(file, text, target, chosen or Chosen({}), group, split, base, options)
    return _draft(rows, columns, channels, target_kind)


def columns_draft(rows: Table, target: str, types: dict[str, str], target_kind: TargetKind) -> Draft:
    """Rows of any origin, whose columns but the target are features as far as they can be used."""
    chosen = choose_columns(rows, [target], (), types)
    columns = _Columns(None, None, target, chosen, None, None, Path(), MaskOptions())
    return _draft(rows, columns, "auto", target_kind)


def _draft(rows: Table, columns: _Columns, channels: Channels, target_kind: TargetKind) -> Draft:
    return Draft(
        filenames=row_names(len(rows)) if columns.file is None else _filenames(rows, columns.file),
        place=rows.place,
        build=lambda kept: _source(_some(rows, kept), kept, columns, channels, target_kind),
        problems=lambda kept: _problems(_some(rows, kept), kept, columns, target_kind),
        table=rows,
    )


@dataclass(frozen=True)
class _Columns:
    """Which column is what. chosen: the features; root: of files; options: of masks."""

    file: str | None
    text: str | None
    target: str | list[str]
    chosen: Chosen
    group: str | None
    split: str | None
    root: Path
    options: MaskOptions

    @property
    def targets(self) -> list[str]:
        return [self.target] if isinstance(self.target, str) else self.target


def _some(rows: Table, kept: Array) -> Table:
    return rows if len(kept) == len(rows) else Table(rows.path, rows.frame[kept], rows.lines[kept])


def _source(
    rows: Table, numbers: Array, columns: _Columns, channels: Channels, target_kind: TargetKind
) -> Source:
    """numbers: of the rows in the whole table, which are the FILENAME of samples that are no files."""
    problems: list[Problem] = []
    groups = required_texts(rows, columns.group, problems) if columns.group is not None else None
    splits = split_words(rows, columns.split, problems) if columns.split is not None else None
    masks = None
    if target_kind == "mask":
        drawn = mask_paths(rows, columns.targets, columns.root, problems)
    else:
        values, names = table_targets(rows, columns.target, target_kind, problems)
    if columns.file is not None:
        filenames, paths = file_paths(rows, columns.file, columns.root, problems)
        beside = typed_columns(rows, columns.chosen.types, problems)
        raise_problems(problems)
        if target_kind == "mask":
            masks = mask_files(drawn, columns.options)
            values, names = masks.counts, masks.coding.names
        named = pl.Series("FILENAME", filenames)
        manifest = Manifest(named, values, target_kind, names, groups, splits, rows.frame)
        drawings = drawn if masks is not None else ()
        source = source_of_files(manifest, paths, medium_of(paths), channels, masks, drawings)
        if not columns.chosen.types:
            return source
        return replace(source, beside=beside, digest=source.digest + digest_frame(manifest, beside))
    if columns.text is not None:
        raise_problems(problems)
        beside = rows.frame.drop(columns.text)
        manifest = Manifest(row_names(numbers), values, target_kind, names, groups, splits, beside)
        return held_texts(manifest, texts(rows, columns.text))
    of_columns = column_samples(rows, columns.chosen, problems)
    raise_problems(problems)
    held = rows.frame.drop(of_columns.many_valued())
    return of_columns.source(Manifest(row_names(numbers), values, target_kind, names, groups, splits, held))


def _problems(rows: Table, numbers: Array, columns: _Columns, kind: TargetKind) -> RowProblems:
    """Every row that can't be used, by what is wrong with it."""
    kinds = ("bad_target", "missing_file", "repeated_file", "bad_feature", "bad_group", "bad_split")
    found: dict[str, list[Problem]] = {name: [] for name in kinds}
    if columns.group is not None:
        required_texts(rows, columns.group, found["bad_group"])
    if columns.split is not None:
        split_words(rows, columns.split, found["bad_split"])
    if kind == "mask":
        mask_paths(rows, columns.targets, columns.root, found["bad_target"])
    else:
        table_targets(rows, columns.target, kind, found["bad_target"])
    if columns.file is not None:
        of_files: list[Problem] = []
        file_paths(rows, columns.file, columns.root, of_files)
        found["contradictory_row"] = _contradictory(rows, columns)
        told = {problem.where for problem in found["contradictory_row"]}
        for problem in of_files:
            repeated = "is listed at" in problem.what
            if not repeated or problem.where not in told:
                found["repeated_file" if repeated else "missing_file"].append(problem)
        typed_columns(rows, columns.chosen.types, found["bad_feature"])
    elif columns.text is None:
        column_samples(rows, columns.chosen, found["bad_feature"])
    places = {rows.place(row): int(number) for row, number in enumerate(numbers)}
    return {
        name: [(places[problem.where], problem) for problem in problems if problem.where in places]
        for name, problems in found.items()
    }


def _contradictory(rows: Table, columns: _Columns) -> list[Problem]:
    """Rows of one file with several targets: nobody can know which is right."""
    assert columns.file is not None
    frame = rows.frame.select(columns.targets).with_columns(
        _filenames(rows, columns.file), pl.Series("\0row", np.arange(len(rows)))
    )
    if not columns.targets:
        return []
    several = pl.struct(columns.targets).n_unique().over("FILENAME") > 1
    torn = frame.filter(several & (pl.col("FILENAME") != ""))
    mend = "keep the row whose target is right; drop.csv leaves all of them out, as it can't tell"
    return [
        Problem(
            f"'{name}' is listed with several targets, here {', '.join(map(str, targets))}",
            where=rows.place(row),
            mend=mend,
        )
        for *targets, name, row in torn.iter_rows()
    ]


def _filenames(rows: Table, column: str) -> pl.Series:
    written = rows.frame[column].cast(pl.String).fill_null("")
    names = [os.path.normpath(text).replace(os.sep, "/") if text else "" for text in written]
    return pl.Series("FILENAME", names)


def table_targets(
    rows: Table, target: str | list[str], kind: TargetKind, problems: list[Problem]
) -> tuple[Array, tuple[str, ...]]:
    """The targets as the manifest holds them, and their names; adds a problem for each bad row."""
    columns = [target] if isinstance(target, str) else target
    if kind == "none":
        return no_targets(len(rows)), ()
    if not columns:
        raise ConfigError(Problem("'target' of table names no column", where="data.source"))
    if kind == "value":
        values = [numbers(rows, name, problems) for name in columns]
        with np.errstate(over="ignore"):
            return np.stack(values, axis=1).astype(np.float32), tuple(columns)
    if kind == "class":
        if len(columns) > 1:
            mend = "name one column, or use task: multilabel"
            raise ConfigError(Problem("a class is one column", where="data.source.target", mend=mend))
        found = len(problems)
        classes = required_texts(rows, columns[0], problems)
        if len(problems) > found:
            return np.zeros(len(rows), np.int64), ()
        return class_targets(classes, f"{rows.path}, column '{columns[0]}'")
    if isinstance(target, str) and not _are_bits(rows, target):
        return _listed_labels(rows, target)
    return np.stack([_bits(rows, name, problems) for name in columns], axis=1), tuple(columns)


def _are_bits(rows: Table, column: str) -> bool:
    if rows.frame[column].dtype.is_nested():
        return False
    return bool(texts(rows, column).drop_nulls().is_in(list(_BITS)).all())


def _bits(rows: Table, column: str, problems: list[Problem]) -> Array:
    """A column of 0 and 1 as uint8 [N]."""
    written = texts(rows, column)
    bits = written.str.to_lowercase().replace_strict(_BITS, default=None, return_dtype=pl.UInt8)
    for row in bits.is_null().arg_true().to_list():
        what = f"'{column}' is empty" if written[row] is None else f"'{column}' is '{written[row]}'"
        problems.append(Problem(what, where=rows.place(row), mend="write 0 or 1"))
    return bits.fill_null(0).to_numpy()


def _listed_labels(rows: Table, column: str) -> tuple[Array, tuple[str, ...]]:
    """A column that lists its labels, as text or as lists of texts -> (uint8 [N, L], the labels)."""
    if rows.frame[column].dtype.is_nested():
        listed = [{str(label) for label in cell or ()} for cell in rows.frame[column].to_list()]
    else:
        cells = texts(rows, column).fill_null("").str.replace_all("|", ";", literal=True).to_list()
        listed = [{label.strip() for label in cell.split(";")} - {""} for cell in cells]
    names = sort_names(label for labels in listed for label in labels)
    if not names:
        raise DataError(Problem(f"column '{column}' names no label at all", where=str(rows.path)))
    index = {name: number for number, name in enumerate(names)}
    values = np.zeros((len(listed), len(names)), np.uint8)
    for row, labels in enumerate(listed):
        values[row, [index[label] for label in labels]] = 1
    return values, names
