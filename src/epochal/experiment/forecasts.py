"""What is written beside the scores of forecasts and of texts."""

from __future__ import annotations

from typing import Any

import polars as pl

from epochal.analysis.forecasting import baselines, forecast_curves
from epochal.data.batches import Batches
from epochal.experiment.texts import with_texts
from epochal.inference.evaluate import Outcome


def with_more(
    curves: dict[str, pl.DataFrame], batches: Batches, outcome: Outcome, content: dict[str, Any]
) -> dict[str, pl.DataFrame]:
    """The curves with those of forecasts, and with the words of texts.

    Into the content goes what forecasts without learning would score.
    """
    source = batches.pool.source
    curves = with_texts(curves, source)
    if source.forecast is None:
        return curves
    names, overall = source.manifest.filenames, outcome.scores.overall
    content["baselines"] = baselines(source.forecast, outcome.samples, outcome.targets, overall["mae"])
    drawn = forecast_curves(
        source.forecast, outcome.samples, outcome.predictions, outcome.targets, names, source.read
    )
    return {**curves, "forecast": drawn}
