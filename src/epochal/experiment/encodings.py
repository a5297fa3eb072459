"""What the training split taught before a sample was an array, fitted or as a run has written it down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl

from epochal.data.column_types import DTYPES
from epochal.data.encode.columns import ColumnEncoding
from epochal.data.encode.encoding import Encoded, Encoding, encoding_from_json, fit_encoding
from epochal.data.manifest import Source
from epochal.data.split import Split
from epochal.data.statistics import Statistics
from epochal.errors import ConfigError, DataError, Problem
from epochal.experiment.config import ExperimentConfig
from epochal.run.run import Run


def encodings_of(
    source: Source, split: Split, config: ExperimentConfig, run: Run | None
) -> tuple[Encoding | None, Encoding | None]:
    """How samples, and columns beside them, become numbers: fitted on training, or as a run has it."""
    if run is not None:
        return load_encodings(run)
    encoding = beside = None
    if source.frame is not None:
        assert source.kind in ("vector", "text")
        kind: Literal["vector", "text"] = "vector" if source.kind == "vector" else "text"
        encoding = fit_encoding(config.data.encode, kind, source.frame[split.train])
    elif config.data.encode is not None:
        what = f"samples of kind {source.kind} are numbers already"
        raise ConfigError(Problem(what, "data.encode", "leave it out"))
    if source.beside is not None:
        beside = fit_encoding(None, "vector", source.beside[split.train])
    return encoding, beside


def encode_source(source: Source, encoding: Encoding | None) -> tuple[Source, Encoded | None]:
    """The source with its samples as numbers, and what else encoding them showed.

    Raises DataError where there are gaps in what was numbers without any when the encoding was fitted.
    """
    frame = source.frame
    if encoding is None:
        if source.kind == "vector" and frame is not None:
            raise DataError(*_gaps(frame))
        return source, None
    if frame is None:
        assert isinstance(encoding, ColumnEncoding)
        assert source.array is not None
        frame = pl.DataFrame(source.array.astype(np.float64), schema=list(source.features))
        frame = frame.cast({name: DTYPES[kind] for name, kind in encoding.types.items()})
    found = encoding.encode(frame)
    values = found.values
    encoded = replace(source, array=values, read=values.__getitem__, features=encoding.features, frame=frame)
    return encoded, found


def _gaps(frame: pl.DataFrame) -> list[Problem]:
    mend = "fill them in: the run was trained without gaps, and so knows nothing to fill them with"
    return [
        Problem(f"'{values.name}' is missing in {values.null_count():,} of {len(values):,} rows", "", mend)
        for values in frame
        if values.null_count()
    ]


def columns_of_run(run: Run, features: Sequence[str]) -> dict[str, Any]:
    """How the source ``table`` reads other data as that of a run: its columns, and what they hold.

    features: of the run, where its samples were numbers.
    """
    encoding, _ = load_encodings(run)
    types = encoding.types if isinstance(encoding, ColumnEncoding) else dict.fromkeys(features, "number")
    return {"features": list(types), "types": dict(types)}


def named_by(encoding: Encoding | None, source: Source) -> Source:
    """The source with a digest by which its encoded samples may be kept."""
    if encoding is None:
        return source
    return replace(source, digest=encoding.digest() + source.digest)


def cardinalities(encoding: Encoding | None) -> tuple[int, ...]:
    """Of each encoded column, its number of codes, 0 where it is a number; empty without columns."""
    return tuple(encoding.model_facts.get("cardinalities", ())) if encoding is not None else ()


def model_facts(
    shapes: Mapping[str, tuple[int, ...]], encoding: Encoding | None, beside: Encoding | None
) -> dict[str, Any]:
    """What a network is told besides the shape of its input; shapes: of each input by name."""
    facts = encoding.model_facts if encoding is not None else {}
    if len(shapes) == 1:
        return facts
    told = {"cardinalities": cardinalities(beside)} if beside is not None else {}
    return facts | {"input_shapes": dict(shapes), **told}


def named_inputs(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """A line for people: ``inputs: image 1×8×8, columns 2``."""
    each = (f"{name} {'×'.join(map(str, shape)) or 1}" for name, shape in shapes.items())
    return "inputs: " + ", ".join(each)


def load_statistics(run: Run) -> Statistics:
    """The statistics of the training split of a run."""
    return Statistics.from_json(json.loads(run.folder.statistics.read_text()))


def load_encodings(run: Run) -> tuple[Encoding | None, Encoding | None]:
    """How a run's samples, and the columns beside them, became numbers; None where they were numbers."""
    path = run.folder.encoding
    found = json.loads(path.read_text()) if path.exists() else {}
    sample, beside = (
        encoding_from_json(found[key]) if key in found else None for key in ("sample", "beside")
    )
    return sample, beside
