from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from epochal.data.augment.color import Brightness, BrightnessContrast, Contrast
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError


def batch(channels: int, low: float = 0.0, high: float = 1.0) -> Batch:
    unit = torch.rand(6, channels, 7, 10, generator=torch.Generator().manual_seed(1))
    return Batch(unit * (high - low) + low, torch.zeros(6), torch.arange(6) + 9)


def keyed(given: Batch) -> Draws:
    return Draws(3, 1, given.samples, stream=1)


def apply(step: Any, given: Batch) -> Batch:
    """What a step makes of a copy: it may write into its inputs."""
    return step(replace(given, inputs=given.inputs.clone()), keyed(given))  # type: ignore[no-any-return]


def functional() -> Any:
    import_torchvision()
    from torchvision.transforms.v2 import functional as found

    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_is_torchvisions(channels: int) -> None:
    given = batch(channels)
    result = apply(Brightness(0.8), given).inputs
    factors = keyed(given).uniform(0, 0.2, 1.8)[:, 0].tolist()
    for sample, factor, changed in zip(given.inputs, factors, result, strict=True):
        torch.testing.assert_close(changed, functional().adjust_brightness(sample, factor))
    assert float(result.max()) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_is_torchvisions(channels: int) -> None:
    given = batch(channels)
    result = apply(Contrast(0.8), given).inputs
    factors = keyed(given).uniform(0, 0.2, 1.8)[:, 0].tolist()
    for sample, factor, changed in zip(given.inputs, factors, result, strict=True):
        torch.testing.assert_close(changed, functional().adjust_contrast(sample, factor), atol=1e-5, rtol=0)
    assert float(result.min()) == 0


def test_brightness_and_contrast_in_one_pass_are_those_two_in_turn() -> None:
    given = batch(3, low=0.4, high=0.6)
    result = apply(BrightnessContrast(0.2, 0.3), given).inputs
    units = keyed(given).uniform(0, count=2).tolist()
    for sample, (first, second), changed in zip(given.inputs, units, result, strict=True):
        brighter = functional().adjust_brightness(sample, first * 0.4 + 0.8)
        expected = functional().adjust_contrast(brighter, second * 0.6 + 0.7)
        torch.testing.assert_close(changed, expected, atol=1e-5, rtol=0)


def test_channels_that_are_no_colours_count_alike_in_contrast() -> None:
    given = batch(5, low=0.4, high=0.6)
    result = apply(Contrast(0.5), given).inputs
    factor = keyed(given).uniform(0, 0.5, 1.5)[:, :, None, None]
    mean = given.inputs.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(result, mean + factor * (given.inputs - mean))


@pytest.mark.parametrize("step", [Brightness(0.0), Contrast(0.0), BrightnessContrast(0.0, 0.0)])
def test_no_amount_changes_nothing(step: Any) -> None:
    given = batch(3)
    torch.testing.assert_close(apply(step, given).inputs, given.inputs)


def test_factors_are_never_negative() -> None:
    given = batch(1)
    assert (apply(Brightness(3.0), given).inputs >= 0).all()
    assert float(keyed(given).uniform(0, 0.0, 4.0).max()) > 1


@pytest.mark.parametrize(
    "make", [lambda: Brightness(-0.1), lambda: Contrast(-0.1), lambda: BrightnessContrast(contrast=-1)]
)
def test_negative_amounts_are_mistakes_of_the_config(make: Any) -> None:
    with pytest.raises(ConfigError, match="give a number >= 0"):
        make()
