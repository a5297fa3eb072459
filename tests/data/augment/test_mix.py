from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import betainc
from torch import Tensor

from epochal.data.augment.mix import Cutmix, Mixup, symmetric_beta
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.errors import ConfigError


def keyed(given: Batch) -> Draws:
    return Draws(3, 1, given.samples, stream=1)


def apply(step: Any, given: Batch) -> Batch:
    """What a step makes of a copy: it may write into its inputs."""
    return step(replace(given, inputs=given.inputs.clone()), keyed(given))  # type: ignore[no-any-return]


def flat_images(targets: Tensor, height: int = 12, width: int = 18) -> Batch:
    """Each image holds its row's number everywhere, so that its origin can be seen."""
    rows = torch.arange(len(targets))
    inputs = rows.float().view(-1, 1, 1, 1).expand(-1, 3, height, width)
    return Batch(inputs, targets, rows)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 3.0, 40.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    """The largest distance between the distribution functions, against Kolmogorov's 0.1 % point."""
    count = 20_000
    shares = symmetric_beta(Draws(3, 1, torch.arange(count)), 0, alpha).double().numpy()
    assert np.isfinite(shares).all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    # float32 can't tell what lies below 1e-6 of an end: there, all of it counts as at the end
    shares = np.sort(np.where(shares < 1e-6, 0, np.where(shares > 1 - 1e-6, 1, shares)))
    inside = (shares > 0) & (shares < 1)
    steps = (np.arange(count) + 0.5) / count
    distance = np.abs(betainc(alpha, alpha, shares[inside]) - steps[inside]).max(initial=0)
    assert distance < 1.95 / np.sqrt(count)
    ends = betainc(alpha, alpha, 1e-6)
    assert (shares == 0).mean() == pytest.approx(ends, abs=0.015)
    assert (shares == 1).mean() == pytest.approx(ends, abs=0.015)


def test_mixup_blends_with_the_next_sample_and_says_so_in_the_targets() -> None:
    targets = torch.tensor([0, 1, 2, 3, 4, 5])
    given = flat_images(targets)
    mixed = apply(Mixup(alpha=1.0, classes=6), given)
    share = symmetric_beta(keyed(given), 0, 1.0)
    rows, following = torch.arange(6), (torch.arange(6) + 1) % 6
    assert mixed.targets.dtype == torch.float32
    torch.testing.assert_close(mixed.targets[rows, rows], share)
    torch.testing.assert_close(mixed.targets[rows, following], 1 - share)
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(6))
    expected = share * rows + (1 - share) * following
    torch.testing.assert_close(mixed.inputs, expected.view(-1, 1, 1, 1).expand_as(given.inputs))
    assert torch.equal(mixed.samples, given.samples)


def test_cutmix_pastes_a_rectangle_and_counts_its_pixels() -> None:
    given = flat_images(torch.arange(200) % 7)
    mixed = apply(Cutmix(classes=7), given)
    own = mixed.inputs == given.inputs
    pasted = mixed.inputs == given.inputs.roll(-1, 0)
    assert (own ^ pasted).all()
    share = own[:, 0].double().mean((1, 2)).float()
    rows = torch.arange(200)
    torch.testing.assert_close(mixed.targets[rows, rows % 7], share)
    # the last one's next is the first: 199 % 7 = 3 and 0
    torch.testing.assert_close(mixed.targets[rows, torch.roll(rows, -1) % 7], 1 - share)
    height, width = pasted[:, 0].any(2).sum(1), pasted[:, 0].any(1).sum(1)
    assert torch.equal(pasted[:, 0].sum((1, 2)), height * width)
    assert float(share.min()) < 0.1
    assert float(share.max()) > 0.9


def test_cutmix_with_alpha_one_cuts_on_average_what_its_paper_cuts() -> None:
    """A centre anywhere, sides of sqrt(1 - lambda), clipped at the image: integrated numerically."""
    given = flat_images(torch.zeros(4000, dtype=torch.int64), 50, 50)
    share = 1 - (apply(Cutmix(classes=2), given).inputs != given.inputs)[:, 0].double().mean((1, 2))
    grid = (np.arange(400) + 0.5) / 400
    side = np.sqrt(1 - grid)  # lambda is uniform
    covered = np.minimum(grid[:, None] + side / 2, 1) - np.maximum(grid[:, None] - side / 2, 0)
    expected = (covered.mean(0) ** 2).mean()
    assert 1 - float(share.mean()) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("step", [Mixup(alpha=1.0), Cutmix()])
@pytest.mark.parametrize("columns", [1, 4])
def test_values_and_labels_mix_in_the_proportion_of_the_inputs(step: Mixup | Cutmix, columns: int) -> None:
    rows = torch.arange(8).float()
    given = flat_images(rows[:, None].expand(8, columns))
    mixed = apply(step, given)
    assert mixed.targets.shape == (8, columns)
    torch.testing.assert_close(mixed.targets[:, 0], mixed.inputs.mean((1, 2, 3)), atol=1e-5, rtol=1e-5)


def test_mixing_twice_keeps_probabilities() -> None:
    given = flat_images(torch.arange(6) % 3)
    once = apply(Mixup(alpha=1.0, classes=3), given)
    twice = Cutmix(classes=3)(once, keyed(once).of(2))
    assert twice.targets.shape == (6, 3)
    torch.testing.assert_close(twice.targets.sum(1), torch.ones(6))


@pytest.mark.parametrize("step", [Mixup(classes=3), Cutmix(classes=3)])
def test_a_batch_of_one_keeps_its_sample(step: Mixup | Cutmix) -> None:
    given = flat_images(torch.tensor([2]))
    mixed = apply(step, given)
    assert torch.equal(mixed.inputs, given.inputs)
    assert mixed.targets.tolist() == [[0, 0, 1]]


def test_mixup_takes_vectors() -> None:
    given = Batch(torch.eye(4), torch.arange(4), torch.arange(4))
    mixed = apply(Mixup(alpha=1.0, classes=4), given)
    torch.testing.assert_close(mixed.inputs, mixed.targets)


def test_alpha_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="alpha of mixup can't be 0"):
        Mixup(alpha=0)
    with pytest.raises(ConfigError, match="alpha of cutmix can't be -1"):
        Cutmix(alpha=-1)
