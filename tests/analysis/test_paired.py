from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import mannwhitneyu, ttest_ind

from epochal.analysis.paired import across_seeds, delong, holm, mcnemar, paired_bootstrap

Array = npt.NDArray[Any]

# albumin, total protein, K-G score, benefit from surgery: the patients with ovarian cancer of DeLong, DeLong
# & Clarke-Pearson 1988, as the SAS/STAT guide prints them (LOGISTIC, "Comparing ROC Curves")
OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


def ovarian() -> tuple[Array, Array, Array, Array]:
    values = np.array(OVARIAN.split(), np.float64).reshape(-1, 4)
    return values[:, 0], values[:, 1], 10 - values[:, 2], values[:, 3]


def accuracy(predictions: Array, targets: Array) -> float:
    return float((predictions == targets).mean())


def test_delong_equals_the_published_example() -> None:
    albumin, protein, kg_score, benefit = ovarian()
    against_albumin = delong(albumin, kg_score, benefit)
    against_protein = delong(protein, kg_score, benefit)
    assert against_albumin.auc_a == pytest.approx(0.7366, abs=5e-5)
    assert against_albumin.auc_b == pytest.approx(0.7258, abs=5e-5)
    assert against_protein.auc_a == pytest.approx(0.6478, abs=5e-5)
    found = [(each.difference, each.low, each.high) for each in (against_albumin, against_protein)]
    np.testing.assert_allclose(found, [(0.0108, -0.1761, 0.1976), (-0.0780, -0.2830, 0.1271)], atol=6e-5)
    assert against_albumin.p_value == pytest.approx(0.9102, abs=5e-5)
    assert against_protein.p_value == pytest.approx(0.4561, abs=5e-5)


def test_delong_equals_the_definition_with_ties() -> None:
    generator = np.random.default_rng(3)
    targets = generator.random(80) < 0.4
    scores = [np.round(targets + generator.normal(size=80), 1) for _ in range(2)]
    parts = []
    for each in scores:
        kernel = (each[targets][:, None] > each[~targets]) + 0.5 * (each[targets][:, None] == each[~targets])
        parts.append((kernel.mean(axis=1), kernel.mean(axis=0)))
    (positive_a, negative_a), (positive_b, negative_b) = parts
    ones, zeros = np.cov(positive_a, positive_b), np.cov(negative_a, negative_b)
    covariance = ones / targets.sum() + zeros / (~targets).sum()
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = delong(scores[0], scores[1], targets)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * error)
    u = mannwhitneyu(scores[0][targets], scores[0][~targets]).statistic
    assert found.auc_a == pytest.approx(u / targets.sum() / (~targets).sum())


def test_delong_of_equal_and_of_perfect_scores() -> None:
    targets = np.array([0, 0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    assert delong(scores, scores, targets).p_value == 1.0
    assert delong(scores, 2 * scores, targets).difference == 0.0
    assert math.isnan(delong(scores, -scores, targets).p_value)  # no sample differs from any other


def test_delong_of_groups_is_that_of_single_samples_and_counts_copies_once() -> None:
    albumin, _, kg_score, benefit = ovarian()
    alone = delong(albumin, kg_score, benefit)
    patients = np.array([f"patient {row}" for row in range(len(benefit))])
    single = delong(albumin, kg_score, benefit, patients)
    assert (single.low, single.p_value) == pytest.approx((alone.low, alone.p_value))
    scores_a, scores_b, targets = (np.tile(each, 3) for each in (albumin, kg_score, benefit))
    grouped = delong(scores_a, scores_b, targets, np.tile(patients, 3))
    assert (grouped.low, grouped.p_value) == pytest.approx((alone.low, alone.p_value))
    assert (
        delong(scores_a, scores_b, targets).p_value < 0.95 * alone.p_value
    )  # as if the copies were other patients


def test_delong_of_groups_has_the_spread_of_repeated_studies() -> None:
    generator = np.random.default_rng(5)

    def study() -> tuple[Array, Array, Array, Array]:
        """30 patients of 6 samples of both kinds; each patient's own shift is in one score only."""
        groups = np.repeat(np.arange(30), 6)
        targets = generator.random(180) < 0.5
        noise = generator.normal(size=(2, 180))
        shift = np.repeat(generator.normal(size=30), 6)
        return targets + noise[0] + shift * np.where(targets, 1, -1), targets + noise[1], targets, groups

    found = [delong(*study()) for _ in range(300)]
    spread = np.std([each.difference for each in found])
    errors = [(each.high - each.low) / 2 / 1.959964 for each in found]
    assert np.mean(errors) == pytest.approx(spread, rel=0.12)


def test_mcnemar_equals_worked_examples() -> None:
    # Edwards' and textbooks' example of 121 and 59 discordant pairs: chi-square 20.67 with the correction
    a = np.repeat([True, True, False, False], [101, 121, 59, 33])
    b = np.repeat([True, False, True, False], [101, 121, 59, 33])
    statistic = (abs(121 - 59) - 1) ** 2 / (121 + 59)
    assert statistic == pytest.approx(20.67, abs=5e-3)
    assert mcnemar(a, b) == pytest.approx(math.erfc(math.sqrt(statistic / 2)), rel=1e-9)


def test_mcnemar_is_exact_with_few_discordant_pairs() -> None:
    a = np.repeat([True, False, True], [9, 2, 50])
    b = np.repeat([False, True, True], [9, 2, 50])
    tail = sum(math.comb(11, k) for k in range(3)) / 2**11
    assert mcnemar(a, b) == pytest.approx(2 * tail)
    assert mcnemar(a, a) == 1.0


def test_mcnemar_of_groups_is_that_of_single_samples() -> None:
    generator = np.random.default_rng(0)
    for share in (0.05, 0.4):  # the exact test, and the other
        a, b = generator.random(200) < 0.7, generator.random(200) < 0.7
        b = np.where(generator.random(200) < share, b, a)
        assert mcnemar(a, b, np.arange(200)) == pytest.approx(mcnemar(a, b))


def test_mcnemar_of_few_groups_changes_the_sign_of_each() -> None:
    leads = [3, 2, 2, -1, 0, 4]
    a = np.array([lead > 0 for lead in leads for _ in range(abs(lead))])
    groups = np.array([group for group, lead in enumerate(leads) for _ in range(abs(lead))])
    signs = np.array([[1 if number >> place & 1 else -1 for place in range(6)] for number in range(64)])
    as_far = np.abs(signs @ leads) >= abs(sum(leads))
    assert mcnemar(a, ~a, groups) == pytest.approx(as_far.mean())
    assert mcnemar(a, ~a) < 0.05 < mcnemar(a, ~a, groups)


def test_mcnemar_of_groups_rejects_what_is_equal_as_seldom_as_it_should() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 5)
    rejected = {"by group": 0, "by sample": 0}
    for _ in range(300):
        first = np.repeat(generator.random(60) < 0.5, 5)  # which of two equal models has the whole patient
        rejected["by group"] += mcnemar(first, ~first, groups) < 0.05
        rejected["by sample"] += mcnemar(first, ~first) < 0.05
    assert rejected["by group"] <= 25
    assert rejected["by sample"] > 90


def test_holm_equals_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_across_seeds_equals_welch() -> None:
    a, b = [0.91, 0.93, 0.92, 0.95], [0.90, 0.89, 0.91]
    found, expected = across_seeds(a, b), ttest_ind(a, b, equal_var=False)
    interval = expected.confidence_interval()
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_delong_knows_no_variance_of_one_sample() -> None:
    found = delong(np.array([0.9, 0.1, 0.2]), np.array([0.15, 0.1, 0.2]), np.array([1, 0, 0]))
    assert found.difference == 0.5
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_across_seeds_without_spread() -> None:
    for a, b in (([0.5, 0.5], [0.5, 0.5]), ([0.7] * 3, [0.1] * 3)):  # three 0.1 have a variance of 2e-34
        found = across_seeds(a, b)
        assert found.difference == pytest.approx(a[0] - b[0])
        assert np.isnan([found.low, found.high, found.p_value]).all()
    assert 0 < across_seeds([0.6, 0.6], [0.5, 0.51]).p_value < 0.1


def test_paired_bootstrap_finds_a_difference_and_repeats_itself() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(2, size=300)
    good = np.where(generator.random(300) < 0.95, targets, 1 - targets)
    poor = np.where(generator.random(300) < 0.80, targets, 1 - targets)
    found = paired_bootstrap(accuracy, good, poor, targets, resamples=500)
    assert found == paired_bootstrap(accuracy, good, poor, targets, resamples=500)
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found.p_value == pytest.approx(2 / 501)
    same = paired_bootstrap(accuracy, good, good, targets, resamples=200)
    assert (same.low, same.high, same.p_value) == (0.0, 0.0, 1.0)


def test_paired_bootstrap_interval_is_that_of_the_paired_normal_theory() -> None:
    generator = np.random.default_rng(1)
    targets = np.zeros(2000)
    a, b = generator.random(2000) < 0.2, generator.random(2000) < 0.25
    found = paired_bootstrap(accuracy, a, b, targets, resamples=1000)
    error = float((b.astype(float) - a).std(ddof=1)) / math.sqrt(2000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_groups_drawn_whole_widen_the_interval() -> None:
    generator = np.random.default_rng(2)
    groups = np.repeat([f"patient {n}" for n in range(40)], 10)
    right = np.repeat(generator.random(40) < 0.7, 10)  # all of a patient are right, or none
    other = generator.random(400) < 0.7
    targets = np.ones(400)
    alone = paired_bootstrap(accuracy, right, other, targets, resamples=400)
    grouped = paired_bootstrap(accuracy, right, other, targets, groups, resamples=400)
    assert grouped.high - grouped.low > 1.7 * (alone.high - alone.low)
    assert grouped.difference == alone.difference


def test_few_groups_can_not_give_a_small_p_value() -> None:
    right, wrong, targets = np.ones(100), np.zeros(100), np.ones(100)
    for count, p_value in ((2, 0.5), (5, 0.0625)):
        found = paired_bootstrap(accuracy, right, wrong, targets, np.arange(100) % count, resamples=300)
        assert found.p_value == p_value
    alone = paired_bootstrap(accuracy, right, wrong, targets, np.zeros(100), resamples=300)
    assert alone.difference == 1.0
    assert np.isnan([alone.low, alone.high, alone.p_value]).all()


def test_resamples_where_the_score_is_undefined_are_left_out() -> None:
    def only_with_ones(predictions: Array, targets: Array) -> float:
        return accuracy(predictions[targets == 1], targets[targets == 1]) if targets.any() else math.nan

    targets = np.array([1, 0, 0, 0])
    found = paired_bootstrap(only_with_ones, np.ones(4), np.zeros(4), targets, resamples=200)
    assert (found.low, found.high) == (1.0, 1.0)
    never = paired_bootstrap(only_with_ones, np.ones(4), np.zeros(4), 0 * targets, resamples=5)
    assert math.isnan(never.p_value)
