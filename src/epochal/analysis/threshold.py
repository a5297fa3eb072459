"""From which probability on a sample is called positive."""

from __future__ import annotations

import numpy as np

from epochal.analysis.config import ThresholdConfig
from epochal.tasks.scores import Booleans, Floats, operating_points


def choose_threshold(config: ThresholdConfig, probabilities: Floats, positive: Booleans) -> float:
    """The threshold that the rule names, for calling samples positive from it on; 0.5 where it can't choose.

    probabilities: float [N]. positive: bool [N]. youden: the largest sensitivity + specificity - 1 (Youden,
    Cancer 3, 1950); f1: the largest F1; sensitivity: the strictest with at least ``config.sensitivity``. Of
    equal ones the strictest. It lies midway to the next lower probability, for samples that are yet to come.
    """
    points = operating_points(probabilities.astype(np.float64), positive)
    hits, alarms = points.true_positives, points.false_positives
    if hits[-1] == 0 or alarms[-1] == 0:
        return 0.5
    sensitivity = hits / hits[-1]
    if config.rule == "youden":
        best = int(np.argmax(sensitivity - alarms / alarms[-1]))
    elif config.rule == "f1":
        best = int(np.argmax(2 * hits / (hits + alarms + hits[-1])))
    else:
        best = int(np.argmax(sensitivity >= config.sensitivity - 1e-12))
    below = points.thresholds[best + 1] if best + 1 < len(points.thresholds) else 0.0
    return float((points.thresholds[best] + below) / 2)
