"""Series that come with Python packages: the UCR and UEA sets in aeon, glucose in bokeh-sampledata."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl

from epochal.data.manifest import Source, TargetKind
from epochal.data.series import Missing
from epochal.data.sources.forecast import Cut, windows
from epochal.data.sources.targets import expect_kind
from epochal.data.sources.ts import ts
from epochal.data.tables import Table
from epochal.errors import DataError, Problem, did_you_mean
from epochal.optional import data_folder


def ucr(
    dataset: str, *, length: int | None = None, missing: Missing = "refuse", target_kind: TargetKind
) -> Source:
    """One of the series sets of the UCR and UEA archives in the package aeon, in the archive's own split.

    dataset: such as BasicMotions (40 + 40 series of 6 channels, 4 classes), GunPoint, ArrowHead,
    ItalyPowerDemand or JapaneseVowels. length, missing: as of ``series``.
    Dau et al. 2019, "The UCR time series archive"; Bagnall et al. 2018, "The UEA multivariate time series
    classification archive".
    """
    root = data_folder("aeon", "the source ucr") / "datasets" / "data"
    folder = root / dataset
    if not folder.is_dir():
        names = sorted(path.name for path in root.iterdir() if list(path.glob("*_TRAIN.ts")))
        mend = did_you_mean(dataset, names) or f"one of {', '.join(names)}"
        raise DataError(Problem(f"aeon has no series called '{dataset}'", "data.source.dataset", mend))
    return ts(folder, length=length, missing=missing, target_kind=target_kind)


def glucose(*, history: int = 24, horizon: int = 6, stride: int = 1, target_kind: TargetKind) -> Source:
    """The glucose of one person, mg/dl every five minutes of 28 weeks, as a sensor saw it (bokeh-sampledata).

    history, horizon, stride: as of ``forecast``. The channels are the glucose and the current of the sensor.
    """
    expect_kind("value", target_kind=target_kind, source="glucose")
    path = data_folder("bokeh_sampledata", "the source glucose") / "_data" / "CGM.csv.gz"
    data = gzip.decompress(path.read_bytes())
    frame = pl.read_csv(io.BytesIO(data), infer_schema=False, null_values="nil")
    frame = frame.unique("datetime", keep="first", maintain_order=True)  # a sensor was read twice at times
    rows = Table(path, frame, np.arange(2, frame.height + 2))
    cut = Cut(("glucose",), ("glucose", "isig"), history, horizon, "datetime", None, stride)
    return windows(rows, cut)
