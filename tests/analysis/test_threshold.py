from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import f1_score, roc_curve

from epochal.analysis.config import EvaluationConfig, ThresholdConfig
from epochal.analysis.threshold import choose_threshold

SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
POSITIVE = np.array([0, 0, 1, 0, 0, 1, 1, 1], bool)


@pytest.mark.parametrize(
    ("rule", "at", "value"),
    [("youden", None, 0.65), ("f1", None, 0.65), ("sensitivity", None, 0.25), ("sensitivity", 0.5, 0.75)],
)
def test_a_small_example(rule: str, at: float | None, value: float) -> None:
    config = ThresholdConfig.model_validate({"rule": rule, "at": at})
    assert choose_threshold(config, SCORES, POSITIVE) == pytest.approx(value)


def test_youden_and_f1_are_the_best_there_are() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(300) < 0.2
    scores = np.round(np.clip(generator.normal(0.3 + 0.2 * positive, 0.2), 0, 1), 2)
    false, true, _ = roc_curve(positive, scores)
    youden = scores >= choose_threshold(ThresholdConfig(rule="youden"), scores, positive)
    reached = youden[positive].mean() - youden[~positive].mean()
    assert reached == pytest.approx((true - false).max())
    best = max(f1_score(positive, scores >= each) for each in scores)
    chosen = scores >= choose_threshold(ThresholdConfig(rule="f1"), scores, positive)
    assert f1_score(positive, chosen) == pytest.approx(best)
    config = ThresholdConfig(rule="sensitivity", at=0.8)
    value = choose_threshold(config, scores, positive)
    assert (scores[positive] >= value).mean() >= 0.8
    assert (scores[positive] > scores[scores >= value].min()).mean() < 0.8


def test_one_kind_of_sample_decides_nothing() -> None:
    config = ThresholdConfig(rule="youden")
    assert choose_threshold(config, SCORES, np.ones(8, bool)) == 0.5
    assert choose_threshold(config, SCORES, np.zeros(8, bool)) == 0.5


def test_intervals_are_on_off_or_a_number() -> None:
    given = [EvaluationConfig(intervals=each).resamples for each in (True, False, 500)]
    assert given == [1000, 0, 500]
    assert EvaluationConfig().resamples == 1000
    with pytest.raises(ValueError, match="100"):
        EvaluationConfig(intervals=5)


def test_a_sensitivity_for_another_rule_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="the rule youden takes no 'at'"):
        ThresholdConfig.model_validate({"rule": "youden", "at": 0.8})
