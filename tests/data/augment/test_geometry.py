from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from epochal.data.augment.geometry import (
    Affine,
    HorizontalFlip,
    Rotation,
    Shear,
    Translation,
    VerticalFlip,
    Zoom,
)
from epochal.data.augment.resample import Motion, move_
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError

BATCH, HEIGHT, WIDTH = 6, 13, 18


def batch(channels: int = 3, count: int = BATCH) -> Batch:
    inputs = torch.rand(count, channels, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    return Batch(inputs, torch.zeros(count, dtype=torch.int64), torch.arange(count) + 40)


def keyed(samples: Batch) -> Draws:
    return Draws(3, 1, samples.samples, stream=1)


def apply(step: Any, given: Batch) -> Batch:
    """What a step makes of a copy: it may write into its inputs."""
    return step(replace(given, inputs=given.inputs.clone()), keyed(given))  # type: ignore[no-any-return]


def functional() -> Any:
    import_torchvision()
    from torchvision.transforms.v2 import functional as found

    return found


def bilinear() -> Any:
    import_torchvision()
    from torchvision.transforms.v2 import InterpolationMode

    return InterpolationMode.BILINEAR


@pytest.mark.parametrize(("flip", "axis"), [(HorizontalFlip, 3), (VerticalFlip, 2)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_flips_mirror_the_chosen_and_no_others(flip: Any, axis: int, channels: int) -> None:
    given = batch(channels, count=40)
    result = apply(flip(p=0.5), given).inputs
    chosen = keyed(given).chance(0, 0.5)
    assert 0 < int(chosen.sum()) < 40
    assert torch.equal(result[chosen], given.inputs[chosen].flip(axis))
    assert torch.equal(result[~chosen], given.inputs[~chosen])
    assert torch.equal(apply(flip(p=1.0), given).inputs, given.inputs.flip(axis))
    assert torch.equal(apply(flip(p=0.0), given).inputs, given.inputs)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_rotation_is_torchvisions(channels: int) -> None:
    given = batch(channels)
    result = apply(Rotation(degrees=40), given).inputs
    angles = keyed(given).uniform(0, count=2)[:, 0] * 80 - 40
    for sample, angle, turned in zip(given.inputs, angles.tolist(), result, strict=True):
        expected = functional().rotate(sample, angle, interpolation=bilinear(), fill=None)
        torch.testing.assert_close(turned, expected, atol=2e-5, rtol=0)


def test_rotation_by_a_right_angle_is_counter_clockwise() -> None:
    square = Batch(batch().inputs[..., :HEIGHT], torch.zeros(BATCH), torch.arange(BATCH))
    turned = apply(Rotation(degrees=(90, 90)), square).inputs
    torch.testing.assert_close(turned, square.inputs.rot90(1, (2, 3)), atol=1e-5, rtol=0)


def test_rotation_leaves_what_is_not_chosen_exactly_as_it_was() -> None:
    given = batch(count=40)
    result = apply(Rotation(degrees=(20, 30), p=0.3), given).inputs
    same = (result == given.inputs).flatten(1).all(1)
    chosen = keyed(given).uniform(0, count=2)[:, 1] < 0.3
    assert torch.equal(same, ~chosen)
    assert 0 < int(chosen.sum()) < 40


@pytest.mark.parametrize(
    ("angle", "shift", "scale", "shear"),
    [
        (33.0, (0.0, 0.0), 1.0, (0.0, 0.0)),
        (0.0, (3.0, -2.0), 1.0, (0.0, 0.0)),
        (0.0, (0.0, 0.0), 1.3, (0.0, 0.0)),
        (0.0, (0.0, 0.0), 1.0, (20.0, 0.0)),
        (0.0, (0.0, 0.0), 1.0, (0.0, -15.0)),
        (-25.0, (2.0, 4.0), 0.8, (12.0, 7.0)),
    ],
)
@pytest.mark.parametrize("fill", [0.2, 0.7])
def test_a_motion_is_torchvisions_affine(
    angle: float, shift: tuple[float, float], scale: float, shear: tuple[float, float], fill: float
) -> None:
    def theirs(inputs: Tensor, fill: float | None) -> Tensor:
        result = functional().affine(inputs, angle, list(shift), scale, list(shear), bilinear(), fill)
        assert isinstance(result, Tensor)
        return result

    inputs = batch(count=2).inputs
    motion = Motion(angle, shift[0], shift[1], scale, shear[0], shear[1])
    torch.testing.assert_close(
        move_(inputs.clone(), motion.inverse(inputs), 0.0), theirs(inputs, None), atol=2e-5, rtol=0
    )
    # at the image's rim torchvision weighs the image by its cover twice once a fill is given
    cover = theirs(torch.ones_like(inputs), None)
    rim = (cover > 1e-5) & (cover < 1 - 1e-5)
    expected = torch.where(rim, theirs(inputs, None) + (1 - cover) * fill, theirs(inputs, fill))
    torch.testing.assert_close(
        move_(inputs.clone(), motion.inverse(inputs), fill), expected, atol=2e-5, rtol=0
    )


def test_affine_draws_every_part_and_is_torchvisions() -> None:
    given = batch()
    step = Affine(degrees=30, translate=(0.2, 0.1), scale=(0.7, 1.4), shear=(10, 5))
    result = apply(step, given).inputs
    units = keyed(given).uniform(0, count=6).tolist()
    for sample, unit, moved in zip(given.inputs, units, result, strict=True):
        expected = functional().affine(
            sample,
            angle=-(unit[0] * 60 - 30),
            translate=[(unit[1] * 0.4 - 0.2) * WIDTH, (unit[2] * 0.2 - 0.1) * HEIGHT],
            scale=unit[3] * 0.7 + 0.7,
            shear=[unit[4] * 20 - 10, unit[5] * 10 - 5],
            interpolation=bilinear(),
            fill=None,
        )
        torch.testing.assert_close(moved, expected, atol=3e-5, rtol=0)


@pytest.mark.parametrize(
    "step",
    [
        Rotation(degrees=40, fill=0.3),
        Translation(fraction=0.3, fill=0.3),
        Zoom(low=0.5, high=0.7, fill=0.3),
        Shear(degrees=30, fill=0.3),
        Affine(degrees=20, translate=0.2, fill=0.3),
    ],
)
def test_what_comes_into_view_has_the_fill(step: Any) -> None:
    """An image of the fill's own value shows no rim; a black one shows it."""
    same = Batch(torch.full((4, 3, 9, 12), 0.3), torch.zeros(4), torch.arange(4))
    torch.testing.assert_close(apply(step, same).inputs, same.inputs)
    black = Batch(torch.zeros(4, 3, 9, 12), torch.zeros(4), torch.arange(4))
    assert float(apply(step, black).inputs.max()) == pytest.approx(0.3)


def centre(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Where the mass of each image lies: x and y in pixels."""
    mass = inputs.sum((1, 2, 3))
    x = (inputs.sum((1, 2)) * torch.arange(inputs.shape[3])).sum(1) / mass
    y = (inputs.sum((1, 3)) * torch.arange(inputs.shape[2])).sum(1) / mass
    return x, y


def spot(count: int) -> Batch:
    inputs = torch.zeros(count, 1, 41, 61)
    inputs[:, :, 20, 30] = 1
    return Batch(inputs, torch.zeros(count), torch.arange(count))


def test_translation_reaches_its_fraction_of_each_side_and_no_further() -> None:
    given = spot(200)
    x, y = centre(apply(Translation(fraction=(0.2, 0.1)), given).inputs)
    assert float((x - 30).abs().max()) == pytest.approx(0.2 * 61, rel=0.05)
    assert float((y - 20).abs().max()) == pytest.approx(0.1 * 41, rel=0.05)
    assert float((x - 30).mean().abs()) < 2
    assert abs(float(torch.corrcoef(torch.stack([x, y]))[0, 1])) < 0.3


def test_zoom_above_one_enlarges() -> None:
    inputs = torch.zeros(3, 1, 41, 61)
    inputs[:, :, 15:26, 25:36] = 1
    given = Batch(inputs, torch.zeros(3), torch.arange(3))
    for factor in (0.5, 1.5):
        area = apply(Zoom(low=factor, high=factor), given).inputs.sum((1, 2, 3))
        torch.testing.assert_close(area, torch.full((3,), 121 * factor**2), rtol=0.2, atol=0)


def test_shear_by_one_number_is_along_x() -> None:
    given = batch()
    result = apply(Shear(degrees=30), given).inputs
    angles = (keyed(given).uniform(0, count=2)[:, 0] * 60 - 30).tolist()
    for sample, angle, sheared in zip(given.inputs, angles, result, strict=True):
        expected = functional().affine(
            sample, 0.0, [0.0, 0.0], 1.0, [angle, 0.0], interpolation=bilinear(), fill=None
        )
        torch.testing.assert_close(sheared, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: HorizontalFlip(p=50), "p of horizontal_flip can't be 50; a probability"),
        (lambda: Rotation(degrees=-3), "degrees of rotation"),
        (lambda: Rotation(degrees=(5, 2)), "degrees of rotation"),
        (lambda: Translation(fraction=-0.1), "fraction of translation"),
        (lambda: Zoom(low=1.2, high=0.9), "0 < low <= high"),
        (lambda: Affine(scale=(0, 1)), "scale of affine"),
        (lambda: Shear(degrees=(1, -1)), "degrees of shear"),
    ],
)
def test_values_that_mean_nothing_are_mistakes_of_the_config(make: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()
