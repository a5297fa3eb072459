"""Inspect: the data of a configuration as training would see it; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.console import Console, log
from epochal.data.check.copies import COPIES
from epochal.data.check.findings import Finding
from epochal.data.check.summary import SplitSummary, summarise
from epochal.data.check.texts import shortened, texts_of
from epochal.data.column_facts import ColumnFacts, describe_columns
from epochal.data.folds import FOLDS
from epochal.data.statistics import Statistics
from epochal.dotenv import read_dotenv
from epochal.experiment.config import located, read_experiment
from epochal.experiment.data import Data, assemble_data
from epochal.experiment.encodings import named_inputs
from epochal.plots.samples import plot_offending, plot_samples
from epochal.plots.sounds import pictured
from epochal.plots.style import save
from epochal.run.durable import write_json, write_text
from epochal.verbs.inspect_pictures import of_classes, of_findings

OFFENDING = "offending.png"
"""The picture of samples that something is wrong with, in the folder of an inspection."""


@dataclass(frozen=True)
class Inspection:
    """What the data holds.

    kind: image, vector, series, text or tensor. shape: of a prepared sample. dtype: it is kept in.
    splits: by name. training: statistics of the training split, which normalisation uses.
    features: names of the columns of a vector. columns: of its table, those that are used and those that are
    not. codes: the features that are codes of categories, which have no mean. findings: what is wrong, errors
    first.
    drop: row of the whole source -> (FILENAME, why) of the samples to leave out, those excluded already
    among them.
    notes: how the samples were made, where that is worth a line.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    samples: int
    groups: int | None
    split_origin: str
    splits: dict[str, SplitSummary]
    training: Statistics
    features: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    codes: tuple[str, ...]
    findings: tuple[Finding, ...]
    drop: dict[int, tuple[str, str]]
    notes: tuple[str, ...] = ()

    @property
    def drops_copies(self) -> bool:
        """Whether no split of what ``drop`` leaves has a sample twice, while some of the whole has."""
        kinds = {finding.kind for finding in self.findings}
        everywhere = self.samples == sum(split.samples for split in self.splits.values())
        return everywhere and bool(kinds & COPIES) and "search_cut" not in kinds

    @property
    def errors(self) -> list[Finding]:
        """What ``train`` refuses under ``data.checks=strict``."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "samples": self.samples,
            "groups": self.groups,
            "split_origin": self.split_origin,
            "findings": [finding.to_json() for finding in self.findings],
            "splits": {name: split.to_json() for name, split in self.splits.items()},
            "training": self.training.to_json(),
            "features": list(self.features),
            "columns": [column.to_json() for column in self.columns],
            "notes": list(self.notes),
        }

    def drop_table(self) -> pl.DataFrame:
        """INDEX, FILENAME and REASON of the samples to leave out, as ``data.exclude`` reads it."""
        rows = [(row, *self.drop[row]) for row in sorted(self.drop)]
        schema = {"INDEX": pl.Int64, "FILENAME": pl.String, "REASON": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")


def inspect(
    config: str | Path | Mapping[str, Any],
    *overrides: str,
    output: str | Path | None = None,
    quiet: bool = False,
) -> Inspection:
    """Read, check, split and prepare the data of a configuration, and describe it.

    output: a folder for inspect.json, drop.csv, splits.csv and, of images and sounds, samples_<split>.png and
        offending.png, of texts, texts.csv. Without it nothing is written.
    What single samples or leaks are wrong is in the result; ConfigError and DataError are raised where so
    much is wrong that there is nothing to describe.
    """
    read_dotenv()
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        experiment, text = read_experiment(config, overrides)
        split = experiment.data.split
        if split is not None and split.name in FOLDS and "fold" not in split.arguments:
            log.info("of all folds, the first one is shown")
            experiment, text = read_experiment(config, (*overrides, "data.split.fold=1"))
        with located(text):
            data = assemble_data(experiment, console, judge=False)
            found = _describe(experiment.name, data)
            if output is not None:
                _write(found, data, Path(output).expanduser())
            return found


def _describe(name: str, data: Data) -> Inspection:
    manifest, split = data.source.manifest, data.split
    drop = {row: (filename, "excluded already") for row, filename in data.excluded.items()}
    findings = sorted(data.findings, key=lambda finding: finding.severity != "error")
    for finding in reversed(findings):  # of several reasons, the first found stays
        drop |= {row: (filename, finding.kind) for row, filename in finding.drop.items()}
    return Inspection(
        name=name,
        kind=data.source.kind,
        shape=data.samples.shape,
        dtype=str(data.samples.dtype),
        samples=len(manifest),
        groups=manifest.groups.n_unique() if manifest.groups is not None else None,
        split_origin=split.origin,
        splits={
            part: summarise(manifest, split.rows(part), data.measured(part), data.facts, data.texts)
            for part in split.names()
        },
        training=data.statistics,
        features=data.source.features,
        columns=describe_columns(data.source),
        codes=data.codes,
        findings=tuple(findings),
        drop=drop,
        notes=(*data.source.notes, *([named_inputs(data.shapes)] if data.others else [])),
    )


def _write(found: Inspection, data: Data, folder: Path) -> None:
    """Everything into a folder; what an earlier inspection left there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "inspect.json", found.to_json())
    write_text(folder / "drop.csv", found.drop_table().write_csv())
    write_text(folder / "splits.csv", side_by_side(found).write_csv())
    if data.texts is not None:
        write_text(folder / "texts.csv", _texts(data).write_csv())
    if pictured(data.source) is None:
        return
    for split in data.split.names():
        save(
            plot_samples(list(of_classes(data, split)), f"{found.name} · {split}"),
            folder / f"samples_{split}.png",
        )
    offending = list(of_findings(data, found.findings))
    if offending:
        save(plot_offending(offending), folder / OFFENDING)
    else:
        (folder / OFFENDING).unlink(missing_ok=True)


def _texts(data: Data) -> pl.DataFrame:
    """INDEX, FILENAME, SPLIT, CHARACTERS, TOKENS, UNKNOWN and TEXT of each sample, the longest first."""
    manifest, facts = data.source.manifest, data.texts
    assert facts is not None
    splits = np.full(len(manifest), "", object)
    for split in data.split.names():
        splits[data.split.rows(split)] = split
    table = pl.DataFrame(
        {
            "INDEX": np.arange(len(manifest)),
            "FILENAME": manifest.filenames,
            "SPLIT": splits.astype(str),
            "CHARACTERS": facts.characters,
            "TOKENS": facts.tokens,
            "UNKNOWN": facts.unknown,
            "TEXT": shortened(texts_of(data.source)),
        }
    )
    return table.sort("TOKENS", descending=True, maintain_order=True)


def side_by_side(found: Inspection) -> pl.DataFrame:
    """Each number of each split: a row a number, WHAT and NAME, and a column a split."""
    columns = {split: dict(_numbers(summary, found)) for split, summary in found.splits.items()}
    keys = dict.fromkeys(key for numbers in columns.values() for key in numbers)
    return pl.DataFrame(
        {
            "WHAT": [what for what, _ in keys],
            "NAME": [name for _, name in keys],
            **{
                split: pl.Series([numbers.get(key) for key in keys], dtype=pl.Float64)
                for split, numbers in columns.items()
            },
        }
    )


def _numbers(summary: SplitSummary, found: Inspection) -> Iterator[tuple[tuple[str, str], float]]:
    yield ("samples", ""), summary.samples
    if summary.groups is not None:
        yield ("groups", ""), summary.groups
    for what, values in (
        ("samples", summary.counts),
        ("share of pixels", summary.pixels or {}),
        ("target mean", summary.target_mean),
        ("target sd", summary.target_std),
    ):
        for name, value in values.items():
            yield (what, name), value
    for word, value in (summary.texts or {}).items():
        yield ("text", word.replace("_", " ")), value
    for word, size in zip(("smallest", "median", "largest"), summary.image_sizes or (), strict=False):
        yield (f"{word} image", "height"), size[0]
        yield (f"{word} image", "width"), size[1]
    for word, seconds in zip(("shortest", "median", "longest"), summary.seconds or (), strict=False):
        yield (f"{word} sound", "seconds"), seconds
    for rate, count in (summary.rates or {}).items():
        yield ("sounds of rate", rate), count
    inputs = summary.inputs or {}
    names = input_names(found) if inputs else ()
    for what, statistic in (("mean", "mean"), ("sd", "std"), ("minimum", "minimum"), ("maximum", "maximum")):
        for name, value in zip(names, inputs.get(statistic, ()), strict=True):
            if name not in found.codes:
                yield (what, name), value


def input_names(found: Inspection) -> tuple[str, ...]:
    """The names of features, or of channels by what they usually are."""
    count = len(found.training.mean)
    if found.kind == "image" and count in (1, 3):
        return ("gray",) if count == 1 else ("red", "green", "blue")
    return found.features or tuple(str(index) for index in range(count))
