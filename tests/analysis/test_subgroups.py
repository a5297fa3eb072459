from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from epochal.analysis.assessment import assess
from epochal.analysis.config import EvaluationConfig
from epochal.analysis.decision import Decision
from epochal.analysis.subgroups import check_subgroups, fairness_gaps, subgroup_scores
from epochal.errors import ConfigError
from epochal.tasks.classification import Classification
from epochal.tasks.task import TaskContext

BINARY = Classification(TaskContext(("no", "yes"), None))


def test_gaps_of_a_hand_computed_example() -> None:
    # women: 3 of 5 chosen; of 2 true 2, of 3 false 1. men: 1 of 5 chosen; of 4 true 1, of 1 false 0
    groups = np.repeat(["f", "m"], 5)
    true = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0], bool)[:, None]
    chosen = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], bool)[:, None]
    assert fairness_gaps(chosen, true, groups) == pytest.approx(
        {"demographic_parity": 0.4, "equal_opportunity": 0.75, "equalised_odds": 0.75}
    )


def test_equalised_odds_may_be_that_of_false_positives() -> None:
    groups = np.repeat(["f", "m"], 4)
    true = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)[:, None]
    chosen = np.array([1, 0, 1, 1, 1, 0, 0, 0], bool)[:, None]
    assert fairness_gaps(chosen, true, groups) == pytest.approx(
        {"demographic_parity": 0.5, "equal_opportunity": 0.0, "equalised_odds": 1.0}
    )


def test_of_several_classes_the_worst_counts_and_what_one_group_lacks_is_left_out() -> None:
    groups = np.array(["f", "f", "m", "m"])
    true = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], bool)
    chosen = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)
    found = fairness_gaps(chosen, true, groups)
    # no man is of class 1, which so has no opportunities to compare; its false alarms are 0 and 1/2
    assert found == pytest.approx(
        {"demographic_parity": 0.0, "equal_opportunity": 0.5, "equalised_odds": 0.5}
    )
    assert fairness_gaps(chosen[:2], true[:2], groups[:2]) == {}


def test_scores_of_each_value_are_those_of_its_samples() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(2, size=100)
    positive = np.clip(0.5 * targets + generator.random(100) * 0.6, 0, 1)
    predictions = np.stack([1 - positive, positive], axis=1)
    column = pl.Series(["a"] * 60 + ["b"] * 28 + [None] * 12)
    found = subgroup_scores(BINARY, predictions, targets, column, None, 200, seed=0)
    assert list(found) == ["(empty)", "a", "b"]
    assert [each["samples"] for each in found.values()] == [12, 60, 28]
    assert [each["too_small"] for each in found.values()] == [True, False, False]
    assert found["b"]["overall"] == BINARY.scores(predictions[60:88], targets[60:88]).overall
    low, high = found["a"]["intervals"]["accuracy"]
    assert low < found["a"]["overall"]["accuracy"] < high


def test_few_of_a_class_are_too_small() -> None:
    targets = np.array([0] * 46 + [1] * 4)
    predictions = np.full((50, 2), 0.5)
    found = subgroup_scores(BINARY, predictions, targets, pl.Series(["a"] * 50), None, 0, seed=0)
    assert found["a"]["too_small"]
    assert "intervals" not in found["a"]


def test_columns_are_checked() -> None:
    columns = pl.DataFrame({"sex": ["f"] * 60, "id": [str(row) for row in range(60)]})
    check_subgroups(["sex"], columns)
    check_subgroups([], None)
    with pytest.raises(ConfigError, match=r"no column is called 'sexx'; did you mean 'sex'\?"):
        check_subgroups(["sexx"], columns)
    with pytest.raises(ConfigError, match="'id' has 60 values"):
        check_subgroups(["id"], columns)
    with pytest.raises(ConfigError, match="this source has no columns"):
        check_subgroups(["sex"], None)


def test_an_assessment_has_what_applies() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(2, size=80)
    positive = generator.random(80)
    predictions = np.stack([1 - positive, positive], axis=1)
    config = EvaluationConfig(intervals=100, subgroups=("site",))
    columns = pl.DataFrame({"site": ["x", "y"] * 40})
    decided = Decision(2.0, "f1", (0.3,)).decided(predictions)
    found = assess(BINARY, predictions, targets, config, 0, decided=decided, columns=columns)
    assert list(found) == ["intervals", "interval_method", "calibration", "subgroups", "gaps"]
    assert found["calibration"].keys() == {"ece", "brier"}
    chosen, site = positive >= 0.3, np.arange(80) % 2
    right = chosen == targets
    assert found["subgroups"]["site"]["x"]["overall"]["accuracy"] == pytest.approx(right[site == 0].mean())
    low, high = found["subgroups"]["site"]["x"]["intervals"]["accuracy"]
    assert low <= right[site == 0].mean() <= high
    low, high = found["intervals"]["accuracy"]
    assert low <= right.mean() <= high < (positive > 0.5).mean() + 1
    gap = abs(chosen[site == 0].mean() - chosen[site == 1].mean())
    assert found["gaps"]["site"]["demographic_parity"] == pytest.approx(gap)
    bare = assess(BINARY, predictions, targets, EvaluationConfig(intervals=False), 0)
    assert list(bare) == ["calibration"]
