"""What validation taught about a run's outputs: a temperature, and thresholds for its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from epochal.analysis.calibration import fit_temperature
from epochal.analysis.config import ThresholdConfig
from epochal.analysis.threshold import choose_threshold
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.scores import classification_scores, multilabel_scores
from epochal.tasks.task import Task

_COUNTED = ("accuracy", "balanced_accuracy", "exact_match", "precision", "recall", "f1")


@dataclass(frozen=True)
class Decision:
    """How outputs become probabilities and predictions.

    temperature: what outputs are divided by; None where it was not fitted. rule: how the thresholds were
    chosen, in words. thresholds: of the second of two classes, or of each label; None for the most probable
    class, and one half for labels.
    """

    temperature: float | None = None
    rule: str = ""
    thresholds: tuple[float, ...] | None = None

    def scaled(self, outputs: Tensor) -> Tensor:
        """Outputs divided by the temperature; which class comes first stays."""
        return outputs if self.temperature is None else outputs / self.temperature

    def decided(self, predictions: Array) -> Array:
        """Predictions [N, K] with those made certain, 0 or 1, that thresholds decide; else as they are."""
        if self.thresholds is None:
            return predictions
        values = np.asarray(self.thresholds)
        if len(values) == 1 and predictions.shape[1] == 2:
            positive = predictions[:, 1].astype(np.float64) >= values[0]
            return np.stack([~positive, positive], axis=1).astype(np.float32)
        return (predictions.astype(np.float64) >= values).astype(np.float32)

    def table(self, task: Task, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """The columns of ``Task.table``, with the PREDICTION that the thresholds give."""
        columns = task.table(predictions, targets)
        if self.thresholds is not None:
            columns["PREDICTION"] = task.table(self.decided(predictions), None)["PREDICTION"]
        return columns

    def scores_at(self, task: Task, predictions: Array, targets: Array) -> dict[str, Any] | None:
        """The part ``threshold`` of a split's metrics: the thresholds and the scores that they give."""
        if self.thresholds is None:
            return None
        single = isinstance(task, Classification)
        score = classification_scores if single else multilabel_scores
        overall = score(self.decided(predictions), targets, task.names).overall
        return {
            "rule": self.rule,
            **({"class": task.names[1]} if single else {}),
            "value": self.thresholds[0] if single else dict(zip(task.names, self.thresholds, strict=True)),
            "chosen_on": "val",
            "overall": {name: overall[name] for name in _COUNTED if name in overall},
        }

    def __str__(self) -> str:
        parts = [] if self.temperature is None else [f"temperature {self.temperature:.3f}"]
        if self.thresholds is not None:
            values = ", ".join(f"{value:.4f}" for value in self.thresholds)
            parts.append(f"thresholds {values} by {self.rule}")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        chosen = None
        if self.thresholds is not None:
            chosen = {"rule": self.rule, "values": list(self.thresholds), "chosen_on": "val"}
        return {"temperature": self.temperature, "threshold": chosen}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Decision:
        """What ``to_json`` wrote."""
        chosen = content["threshold"] or {"rule": "", "values": None}
        values = chosen["values"]
        return cls(content["temperature"], chosen["rule"], None if values is None else tuple(values))


def takes_temperature(task: Task) -> bool:
    """Whether outputs are logits of classes or labels."""
    return isinstance(task, Classification | Multilabel)


def learn_decision(
    task: Task, outputs: Tensor, targets: Tensor, calibrate: bool, threshold: ThresholdConfig | None
) -> Decision:
    """Fit the temperature, if asked to, and choose thresholds on what it gives, by outputs for validation.

    outputs: logits [N, ...]. targets: class indices [N] or labels [N, L]; a threshold is for two classes, or
    for labels.
    """
    truth: Array = targets.cpu().numpy()
    temperature = None
    if calibrate:
        logits = outputs.cpu().double().numpy()
        if logits.shape[1] == 1 and truth.ndim == 1:  # one logit for two classes
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        temperature = fit_temperature(logits, truth)
    decision = Decision(temperature)
    if threshold is None:
        return decision
    predictions: Array = task.predict(decision.scaled(outputs)).cpu().numpy()
    if truth.ndim == 1:
        values = [choose_threshold(threshold, predictions[:, 1], truth == 1)]
    else:
        values = [
            choose_threshold(threshold, predictions[:, k], truth[:, k] > 0.5) for k in range(truth.shape[1])
        ]
    rule = f"sensitivity of at least {threshold.at:g}" if threshold.rule == "sensitivity" else threshold.rule
    return Decision(temperature, rule, tuple(values))
