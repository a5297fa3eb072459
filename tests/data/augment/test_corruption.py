from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from epochal.data.augment.corruption import Erasing, GaussianNoise
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.errors import ConfigError


def ones(*shape: int) -> Batch:
    return Batch(torch.ones(shape), torch.zeros(shape[0]), torch.arange(shape[0]))


def keyed(given: Batch) -> Draws:
    return Draws(3, 1, given.samples, stream=1)


def apply(step: Any, given: Batch) -> Batch:
    """What a step makes of a copy: it may write into its inputs."""
    return step(replace(given, inputs=given.inputs.clone()), keyed(given))  # type: ignore[no-any-return]


@pytest.mark.parametrize("channels", [1, 3])
def test_erasing_overwrites_one_rectangle_within_its_limits(channels: int) -> None:
    height, width = 40, 60
    given = ones(400, channels, height, width)
    result = apply(Erasing(p=0.7, scale=(0.1, 0.3), ratio=(0.5, 2), value=0.25), given).inputs
    gone = result == 0.25
    assert ((result == 1) | gone).all()
    assert (gone == gone[:, :1]).all()
    rows, columns = gone[:, 0].any(2).sum(1), gone[:, 0].any(1).sum(1)
    area = gone[:, 0].sum((1, 2))
    assert torch.equal(area, rows * columns)
    erased = area > 0
    assert float(erased.double().mean()) == pytest.approx(0.7, abs=0.1)
    share = area[erased] / (height * width)
    assert float(share.min()) == pytest.approx(0.1, abs=0.02)
    assert float(share.max()) == pytest.approx(0.3, abs=0.02)
    ratio = columns[erased] / rows[erased]
    assert 0.45 < float(ratio.min()) < 0.6
    assert 1.7 < float(ratio.max()) < 2.2
    for side in (gone[:, 0, 0], gone[:, 0, -1], gone[:, 0, :, 0], gone[:, 0, :, -1]):
        assert side.any()


@pytest.mark.parametrize(("height", "width"), [(3, 50), (50, 3), (1, 1)])
def test_erasing_stays_inside_of_narrow_images(height: int, width: int) -> None:
    given = ones(50, 1, height, width)
    result = apply(Erasing(p=1.0, scale=(0.9, 1.0)), given).inputs
    assert (result.flatten(1).min(1).values == 0).all()


def test_erasing_with_no_probability_changes_nothing() -> None:
    given = ones(20, 1, 8, 8)
    assert torch.equal(apply(Erasing(p=0.0), given).inputs, given.inputs)


@pytest.mark.parametrize("shape", [(30, 3, 16, 17), (300, 31), (40, 4, 5, 6, 2)])
def test_noise_has_its_standard_deviation(shape: tuple[int, ...]) -> None:
    given = ones(*shape)
    noise = apply(GaussianNoise(std=0.2), given).inputs - 1
    assert noise.shape == shape
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.std()) == pytest.approx(0.2, rel=0.05)
    assert not torch.equal(noise[0], noise[1])


@pytest.mark.parametrize("shape", [(3, 100_003), (300, 1001)])
def test_noise_is_normal_and_its_numbers_have_nothing_in_common(shape: tuple[int, int]) -> None:
    """The largest distance between the distribution functions, against Kolmogorov's 0.1 % point."""
    given = Batch(torch.zeros(shape), torch.zeros(shape[0]), torch.arange(shape[0]))
    noise = apply(GaussianNoise(std=1.0), given).inputs.double()
    found, count = noise.flatten().sort().values, noise.numel()
    steps = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    assert float((torch.special.ndtr(found) - steps).abs().max()) < 1.95 / count**0.5
    assert float(found.square().mean()) == pytest.approx(1, abs=0.01)
    assert float(found.pow(4).mean()) == pytest.approx(3, abs=0.06)
    for lag in (1, 2, 3, 4, 28, 1000):
        assert abs(float((noise[:, lag:] * noise[:, :-lag]).mean())) < 4.5 / count**0.5
    assert abs(float((noise[1:] * noise[:-1]).mean())) < 4.5 / (count - shape[1]) ** 0.5


def test_the_numbers_of_noise_never_change() -> None:
    """A run is repeated years later with the same numbers, so these are frozen."""
    samples = torch.tensor([0, 60000])
    given = Batch(torch.zeros(2, 3), torch.zeros(2), samples)
    noise = GaussianNoise(std=1.0)(given, Draws(7, 3, samples, 2)).inputs
    expected = [[0.23942780, 0.84516138, -0.45782784], [0.40310445, 1.74086225, 1.21890450]]
    torch.testing.assert_close(noise, torch.tensor(expected), rtol=1e-6, atol=0)


@pytest.mark.parametrize("features", [70, 150_000])
def test_noise_depends_on_the_samples_key_alone(features: int) -> None:
    given = Batch(torch.zeros(5, features), torch.zeros(5), torch.tensor([3, 1, 4, 15, 9]))
    together = apply(GaussianNoise(), given).inputs
    alone = Batch(torch.zeros(1, features), torch.zeros(1), torch.tensor([15]))
    assert torch.equal(apply(GaussianNoise(), alone).inputs[0], together[3])
    images = Batch(torch.zeros(5, 10, features // 10, 1), torch.zeros(5), given.samples)
    last = replace(images, inputs=images.inputs.to(memory_format=torch.channels_last))
    assert torch.equal(apply(GaussianNoise(), last).inputs.flatten(1), together)


def test_noise_is_for_the_chosen_only() -> None:
    given = ones(200, 12)
    changed = (apply(GaussianNoise(p=0.25), given).inputs != 1).any(1)
    assert torch.equal(changed, keyed(given).chance(1, 0.25))
    assert float(changed.double().mean()) == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Erasing(p=1.5), "p of erasing"),
        (lambda: Erasing(scale=(0, 0.5)), "scale of erasing"),
        (lambda: GaussianNoise(std=0), "std of gaussian_noise"),
    ],
)
def test_values_that_mean_nothing_are_mistakes_of_the_config(make: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()
