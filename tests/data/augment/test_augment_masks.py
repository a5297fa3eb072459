"""Masks move with their images, and nothing but what moves pixels touches them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from epochal.config.component import Component
from epochal.data.augment.pipeline import build_augment
from epochal.data.batch import Batch
from epochal.data.masks.coding import IGNORED
from epochal.errors import ConfigError, DataError

MOVING: list[dict[str, Any]] = [
    {"name": "horizontal_flip"},
    {"name": "vertical_flip"},
    {"name": "random_crop", "padding": 3, "fill": 1.0},
    {"name": "random_crop", "size": [20, 30]},
    {"name": "rotation", "degrees": 30, "fill": 1.0},
    {"name": "rotation", "degrees": 30, "p": 0.5, "fill": 1.0},
    {"name": "translation", "fraction": 0.3, "fill": 1.0},
    {"name": "affine", "degrees": 20, "shear": 10, "scale": [0.7, 1.3], "fill": 1.0},
    {"name": "random_resized_crop", "size": [50, 60]},
]


def step(
    setting: dict[str, Any] | list[dict[str, Any]], size: tuple[int, int] = (32, 40)
) -> tuple[Batch, Batch]:
    """A batch of masks, with images of 0, 0.25, 0.5 and 0.75 that show the same, before and after."""
    settings = setting if isinstance(setting, list) else [setting]
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 4, (12, 1, 4, 5), generator=generator).float()
    masks = torch.nn.functional.interpolate(coarse, size, mode="nearest-exact")
    batch = Batch(masks / 4, masks[:, 0].to(torch.uint8), torch.arange(12))
    augment = build_augment([Component.model_validate(each) for each in settings], "image", None, masks=True)
    copied = Batch(batch.inputs.clone(), batch.targets.clone(), batch.samples)
    return batch, augment(copied, 7, 1)


@pytest.mark.parametrize("size", [(48, 60), (128, 160)])
@pytest.mark.parametrize("setting", MOVING, ids=lambda setting: "-".join(map(str, setting.values())))
def test_masks_are_moved_as_their_images_are(setting: dict[str, Any], size: tuple[int, int]) -> None:
    before, after = step(setting, size)
    assert after.targets.dtype == torch.uint8
    assert not torch.equal(before.inputs, after.inputs)
    shown = after.inputs[:, 0] * 4
    expected = torch.where(after.targets == IGNORED, 4, after.targets).float()
    # images are interpolated: at the borders of classes they differ, by the nearest pixel they are the same
    flat = _flat(expected)
    assert (shown - expected).abs()[flat].max() < 1e-3
    assert flat.float().mean() > 0.15


def _flat(classes: Tensor) -> Tensor:
    """Where a pixel and all its neighbours are of one class, away from the frame."""
    padded = torch.nn.functional.pad(classes[:, None], (2, 2, 2, 2), value=-1)
    highest = torch.nn.functional.max_pool2d(padded, 5, 1)
    lowest = -torch.nn.functional.max_pool2d(-padded, 5, 1)
    return (highest == lowest)[:, 0]


def test_neighbouring_motions_are_one_for_masks_too() -> None:
    _, after = step([{"name": "rotation", "degrees": 20}, {"name": "zoom", "low": 0.5, "high": 0.6}])
    assert (after.targets == IGNORED).float().mean() > 0.3
    assert set(after.targets.flatten().tolist()) <= {0, 1, 2, 3, IGNORED}


@pytest.mark.parametrize("name", ["brightness_contrast", "gaussian_noise", "erasing"])
def test_colour_and_noise_touch_images_only(name: str) -> None:
    before, after = step({"name": name, **({"p": 1.0} if name == "erasing" else {})})
    assert torch.equal(after.targets, before.targets)
    assert not torch.equal(after.inputs, before.inputs)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_blending_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="a pixel of a mask has one class"):
        step({"name": name})


def test_torchvisions_transforms_move_masks_and_leave_out_what_comes_into_view() -> None:
    before, after = step({"name": "RandomAffine", "degrees": 0, "translate": [0.4, 0.4], "fill": 1.0})
    expected = torch.where(after.targets == IGNORED, 4, after.targets) / 4
    assert torch.allclose(after.inputs[:, 0], expected.float())
    assert not torch.equal(after.inputs, before.inputs)
    assert (after.targets == IGNORED).any()
    _, after = step({"name": "ColorJitter", "brightness": 0.5})
    assert torch.equal(after.targets, before.targets)


def turned(inputs: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    return inputs.flip(2), masks.flip(1)


def shorter(inputs: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    return inputs, masks[:, 1:]


def test_a_callable_of_ones_own_gets_masks_where_it_asks_for_them() -> None:
    before, after = step({"name": f"{__name__}:turned"})
    assert torch.equal(after.targets, before.targets.flip(1))
    assert torch.equal(after.inputs, before.inputs.flip(2))
    with pytest.raises(DataError, match="keeps its shape"):
        step({"name": f"{__name__}:shorter"})
