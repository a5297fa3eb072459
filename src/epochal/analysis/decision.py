"""What validation taught about a run's outputs: a temperature, and thresholds for its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from epochal.analysis.calibration import TEMPERATURES, fit_temperature
from epochal.analysis.config import ThresholdConfig
from epochal.analysis.threshold import choose_threshold
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.scores import COUNTED, Scores
from epochal.tasks.task import Task


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

    @classmethod
    def mean(cls, decisions: Sequence[Decision]) -> Decision:
        """For mean probabilities of several runs: the mean of their thresholds, where all of them have such.

        The temperatures are in the probabilities already.
        """
        each = [decision.thresholds for decision in decisions if decision.thresholds is not None]
        if len(each) < len(decisions):
            return cls()
        return cls(None, decisions[0].rule, tuple(np.mean(each, axis=0).tolist()))

    def decided(self, predictions: Array) -> Array | None:
        """What thresholds make of predictions [N, K]: 0 or 1, float32 [N, K]; None without thresholds."""
        if self.thresholds is None:
            return None
        values = np.asarray(self.thresholds)
        if len(values) == 1 and predictions.shape[1] == 2:
            positive = predictions[:, 1].astype(np.float64) >= values[0]
            return np.stack([~positive, positive], axis=1).astype(np.float32)
        return (predictions.astype(np.float64) >= values).astype(np.float32)

    def table(self, task: Task, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """The columns of ``Task.table``, with the PREDICTION that the thresholds give."""
        columns = task.table(predictions, targets)
        decided = self.decided(predictions)
        if decided is not None:
            columns["PREDICTION"] = task.table(decided, None)["PREDICTION"]
        return columns

    def described(self, task: Task) -> dict[str, Any]:
        """The part ``threshold`` of a split's metrics; the thresholds are there."""
        assert self.thresholds is not None
        single = isinstance(task, Classification)
        return {
            "rule": self.rule,
            **({"class": task.names[1]} if single else {}),
            "value": self.thresholds[0] if single else dict(zip(task.names, self.thresholds, strict=True)),
            "chosen_on": "val",
        }

    @property
    def doubt(self) -> str | None:
        """What a temperature at an end of its search says; None where it lies between."""
        lowest, highest = TEMPERATURES
        if self.temperature is None or lowest * 1.01 < self.temperature < highest / 1.01:
            return None
        if self.temperature > 1:
            return (
                f"the temperature is at the upper end of its search, {highest:g}: on validation the logits "
                "carry no usable confidence, and the probabilities are made nearly equal"
            )
        return (
            f"the temperature is at the lower end of its search, {lowest:g}: on validation the classes are "
            "separated without a mistake, so that no confidence is too much; the probabilities say nothing "
            "of how often new samples are right"
        )

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
        return {"temperature": self.temperature, "warning": self.doubt, "threshold": chosen}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Decision:
        """What ``to_json`` wrote."""
        chosen = content["threshold"] or {"rule": "", "values": None}
        values = chosen["values"]
        return cls(content["temperature"], chosen["rule"], None if values is None else tuple(values))


def scores_at(task: Task, predictions: Array, decided: Array | None, targets: Array) -> Scores:
    """Every score: what counts decisions is of ``decided``, what ranks or weighs is of the probabilities.

    predictions, decided: [N, K], as ``Decision.decided`` has them; None for what ``Task.scores`` decides.
    """
    scores = task.all_scores(predictions, targets)
    if decided is None:
        return scores
    of_decided = task.scores(decided, targets)
    per_class = {name: _counted(own, of_decided.per_class[name]) for name, own in scores.per_class.items()}
    return Scores(_counted(scores.overall, of_decided.overall), per_class)


def _counted(scores: Mapping[str, float], of_decided: Mapping[str, float]) -> dict[str, float]:
    return {name: (of_decided if name in COUNTED else scores)[name] for name in scores}


def curves_at(
    task: Task, predictions: Array, decided: Array | None, targets: Array
) -> dict[str, pl.DataFrame]:
    """The tables of ``Task.curves``, with the confusion matrix of ``decided``; see ``scores_at``."""
    curves = task.curves(predictions, targets)
    if decided is not None and "confusion" in curves:
        curves["confusion"] = task.curves(decided, targets)["confusion"]
    return curves


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
    rule = (
        f"sensitivity of at least {threshold.sensitivity:g}"
        if threshold.rule == "sensitivity"
        else threshold.rule
    )
    return Decision(temperature, rule, tuple(values))
