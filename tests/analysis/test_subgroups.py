from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from epochal.analysis.assessment import assess
from epochal.analysis.config import EvaluationConfig
from epochal.analysis.decision import Decision
from epochal.analysis.subgroups import (
    check_subgroups,
    columns_for_subgroups,
    fairness_gaps,
    subgroup_scores,
)
from epochal.data.manifest import Manifest, Source
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
    with pytest.raises(ConfigError, match="the numeric column 'id' has 60 distinct values"):
        check_subgroups(["id"], columns)
    with pytest.raises(ConfigError, match="'name' has 60 values; name a column of at most 50"):
        check_subgroups(["name"], columns.with_columns(name=pl.lit("n") + pl.col("id")))
    with pytest.raises(ConfigError, match="this source has no columns"):
        check_subgroups(["sex"], None)


def test_measurements_are_to_be_binned_at_their_quartiles() -> None:
    ages = pl.Series("age", [30 + row % 40 for row in range(400)])
    expected = (
        r"the numeric column 'age' has 40 distinct values; bin it: add a column 'age_range' to the table, "
        r"say up to 40, to 50, to 59 and above \(quartiles\); name that"
    )
    for column in (ages, ages.cast(pl.String), ages.cast(pl.Float64)):
        with pytest.raises(ConfigError, match=expected):
            check_subgroups(["age"], pl.DataFrame([column]))
    sites = pl.DataFrame({"site": [row % 30 for row in range(3000)]})
    check_subgroups(["site"], sites)  # numbers that are names, each with enough samples


def test_features_of_many_values_are_known_though_they_are_no_columns() -> None:
    columns = pl.DataFrame({"sex": ["f"] * 60})
    manifest = Manifest(pl.Series(map(str, range(60))), np.zeros(60, int), "class", ("a",), columns=columns)
    vectors = np.arange(120, dtype=np.float32).reshape(60, 2)
    source = Source(manifest, "vector", vectors.__getitem__, "0", vectors, ("dose", "weight"))
    found = columns_for_subgroups(source, ("sex", "weight"))
    assert found is not None
    assert found.columns == ["sex", "weight"]
    with pytest.raises(ConfigError, match="the numeric column 'weight' has 60 distinct values"):
        check_subgroups(["weight"], found)


def test_few_groups_are_too_small_and_their_intervals_in_doubt() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(2, size=90)
    positive = generator.random(90)
    predictions = np.stack([1 - positive, positive], axis=1)
    patients = np.arange(90) // 10
    column = pl.Series(["a"] * 90)
    assert subgroup_scores(BINARY, predictions, targets, column, patients, 100, seed=0)["a"]["too_small"]
    assert not subgroup_scores(BINARY, predictions, targets, column, None, 100, seed=0)["a"]["too_small"]
    config = EvaluationConfig(intervals=100)
    found = assess(BINARY, predictions, targets, config, 0, groups=patients)
    assert found["interval_units"] == {"groups": 9}
    assert found["interval_warning"].startswith("from 9 groups only; of fewer than 10 groups")
    few = assess(BINARY, predictions[:19], targets[:19], config, 0)
    assert few["interval_warning"].startswith("from 19 samples only; of fewer than 20 samples")
    assert "interval_warning" not in assess(BINARY, predictions[:20], targets[:20], config, 0)
    alone = assess(BINARY, predictions, targets, config, 0, groups=np.zeros(90))
    assert alone["intervals"] == {}
    assert "interval_warning" not in alone


def test_an_assessment_has_what_applies() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(2, size=80)
    positive = generator.random(80)
    predictions = np.stack([1 - positive, positive], axis=1)
    config = EvaluationConfig(intervals=100, subgroups=("site",))
    columns = pl.DataFrame({"site": ["x", "y"] * 40})
    decided = Decision(2.0, "f1", (0.3,)).decided(predictions)
    found = assess(BINARY, predictions, targets, config, 0, decided=decided, columns=columns)
    assert list(found) == [
        "intervals", "interval_method", "interval_units", "calibration", "subgroups", "gaps",
    ]  # fmt: skip
    assert found["interval_units"] == {"samples": 80}
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
