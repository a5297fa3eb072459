"""Forecasts beside those that need no learning: the last value, the last season."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Forecast
from epochal.tasks.scores import regression_scores

_SHOWN = 6


def baselines(forecast: Forecast, samples: Array, targets: Array, mae: float) -> dict[str, dict[str, float]]:
    """Naive rule -> its mae and rmse on these samples, and the model's ``skill`` over it.

    samples: row numbers [N]. targets: float [N, T]. mae: the model's. skill: 1 - mae / mae of the rule: 1 for
    a perfect forecast, 0 for one that is no better; absent where the rule makes no mistake (Hyndman & Koehler
    2006, "Another look at measures of forecast accuracy", of whose relative MAE it is the difference to 1).
    """
    found = {}
    for rule, values in forecast.naive.items():
        names = [str(column) for column in range(targets.shape[1])]
        overall = regression_scores(values[samples], targets, names).overall
        scores = {"mae": overall["mae"], "rmse": overall["rmse"]}
        found[rule] = scores | ({"skill": 1 - mae / scores["mae"]} if scores["mae"] else {})
    return found


def forecast_curves(
    forecast: Forecast,
    samples: Array,
    predictions: Array,
    targets: Array,
    filenames: pl.Series,
    read: Callable[[int], Array],
) -> pl.DataFrame:
    """Six samples, spread evenly: SAMPLE, TARGET, KIND, STEP, VALUE.

    KIND is history, truth, prediction or a naive rule; STEP 0 is the last that is known. read: row number ->
    sample [C, T] in the units of the targets. predictions, targets: float [N, T].
    """
    places = np.unique(np.linspace(0, len(samples) - 1, min(_SHOWN, len(samples))).round().astype(int))
    rows: list[dict[str, Any]] = []
    for place in places.tolist():
        row = int(samples[place])
        history = read(row)
        for number, (target, channel) in enumerate(zip(forecast.targets, forecast.channels, strict=True)):
            part = slice(number * forecast.horizon, (number + 1) * forecast.horizon)
            lines = {"truth": targets[place, part], "prediction": predictions[place, part]}
            lines |= {rule: values[row, part] for rule, values in forecast.naive.items()}
            steps = {kind: np.arange(1, forecast.horizon + 1) for kind in lines}
            if channel is not None:
                lines = {"history": history[channel], **lines}
                steps["history"] = np.arange(1 - history.shape[1], 1)
            rows += [
                {
                    "SAMPLE": filenames[row],
                    "TARGET": target,
                    "KIND": kind,
                    "STEP": int(step),
                    "VALUE": float(value),
                }
                for kind, values in lines.items()
                for step, value in zip(steps[kind], values, strict=True)
            ]
    return pl.DataFrame(rows)
