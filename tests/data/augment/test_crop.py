from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from epochal.data.augment.crop import RandomCrop, RandomResizedCrop
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, DataError


def as_batch(inputs: Tensor) -> Batch:
    return Batch(inputs, torch.zeros(len(inputs), dtype=torch.int64), torch.arange(len(inputs)))


def noise(count: int, channels: int, height: int, width: int) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


def keyed(given: Batch) -> Draws:
    return Draws(3, 1, given.samples, stream=1)


def apply(step: Any, given: Batch) -> Batch:
    """What a step makes of a copy: it may write into its inputs."""
    return step(replace(given, inputs=given.inputs.clone()), keyed(given))  # type: ignore[no-any-return]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("padding", "size", "expected"), [(2, None, (9, 12)), (0, 5, (5, 5)), (3, (11, 7), (11, 7))]
)
def test_random_crop_cuts_a_window_of_the_padded_image(
    channels: int, padding: int, size: int | tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    given = as_batch(noise(8, channels, 9, 12))
    result = apply(RandomCrop(padding=padding, size=size, fill=0.3), given).inputs
    assert result.shape == (8, channels, *expected)
    assert result.is_contiguous()
    padded = F.pad(given.inputs, (padding,) * 4, value=0.3)
    top = keyed(given).integers(0, 9 + 2 * padding - expected[0] + 1)[:, 0].tolist()
    left = keyed(given).integers(1, 12 + 2 * padding - expected[1] + 1)[:, 0].tolist()
    for row in range(8):
        window = padded[row, :, top[row] : top[row] + expected[0], left[row] : left[row] + expected[1]]
        assert torch.equal(result[row], window)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("size", [None, 70, (104, 99)])
def test_large_images_are_cut_alike(size: int | tuple[int, int] | None, channels_last: bool) -> None:
    inputs = noise(9, 3, 90, 95)
    given = as_batch(inputs.to(memory_format=torch.channels_last) if channels_last else inputs)
    result = apply(RandomCrop(padding=7, size=size, fill=0.3), given).inputs
    rows, columns = result.shape[2:]
    padded = F.pad(inputs, (7,) * 4, value=0.3)
    top = keyed(given).integers(0, 90 + 14 - rows + 1)[:, 0].tolist()
    left = keyed(given).integers(1, 95 + 14 - columns + 1)[:, 0].tolist()
    for row in range(9):
        window = padded[row, :, top[row] : top[row] + rows, left[row] : left[row] + columns]
        assert torch.equal(result[row], window)


def test_random_crop_reaches_every_place() -> None:
    inputs = torch.zeros(400, 1, 7, 7)
    inputs[:, :, 3, 3] = 1
    places = RandomCrop(padding=2)(as_batch(inputs), keyed(as_batch(inputs))).inputs.sum((0, 1))
    assert int((places > 0).sum()) == 25
    assert (places[1:6, 1:6] > 0).all()
    assert float(places.max()) < 400 / 25 * 3


def test_a_window_larger_than_the_image_is_a_data_error() -> None:
    given = as_batch(noise(2, 1, 8, 8))
    with pytest.raises(DataError, match="can't cut 20×20 out of images of 8×8; with padding 2"):
        apply(RandomCrop(padding=2, size=20), given)


def functional() -> Any:
    import_torchvision()
    from torchvision.transforms.v2 import functional as found

    return found


def boxes(step: RandomResizedCrop, given: Batch) -> list[list[int]]:
    """Top, left, height and width of each sample's rectangle, by the definition."""
    height, width = given.inputs.shape[2:]
    found = []
    for area, ratio, top, left in keyed(given).uniform(0, count=4).double().tolist():
        area = (area * (step.scale[1] - step.scale[0]) + step.scale[0]) * height * width
        ratio = step.ratio[0] * (step.ratio[1] / step.ratio[0]) ** ratio
        tall, wide = min(height, round((area / ratio) ** 0.5)), min(width, round((area * ratio) ** 0.5))
        found.append([int(top * (height - tall + 1)), int(left * (width - wide + 1)), tall, wide])
    return found


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("kind", ["float", "bytes"])
@pytest.mark.parametrize("side", [20, 120])  # small images are resized together, large ones one by one
@pytest.mark.parametrize("size", [None, (11, 17), 130])
def test_random_resized_crop_is_torchvisions(
    size: int | tuple[int, int] | None, side: int, kind: str, channels_last: bool
) -> None:
    inputs = noise(5, 3, side, side + 9)
    if kind == "bytes":
        inputs = (inputs * 255).round().to(torch.uint8)
    given = as_batch(inputs.to(memory_format=torch.channels_last) if channels_last else inputs)
    step = RandomResizedCrop(size=size)
    result = apply(step, given).inputs
    assert result.dtype == inputs.dtype
    shape = [side, side + 9] if size is None else [size, size] if isinstance(size, int) else list(size)
    for sample, box, resized in zip(inputs, boxes(step, given), result, strict=True):
        expected = functional().resized_crop(sample, *box, shape, antialias=True)
        tolerance = 2e-5 if kind == "float" else 1.0  # byte kernels weigh in fixed point
        torch.testing.assert_close(resized.float(), expected.float(), atol=tolerance, rtol=0)


def ramps(count: int, height: int, width: int) -> Batch:
    """Channel 0 is the column's number, channel 1 the row's: a crop shows where it was read."""
    x = torch.arange(width).expand(height, width)
    y = torch.arange(height)[:, None].expand(height, width)
    return as_batch(torch.stack([x, y]).float().expand(count, 2, height, width))


def test_rectangles_keep_to_the_area_the_ratio_and_the_image() -> None:
    height, width, rows, columns = 60, 80, 20, 20
    given = ramps(500, height, width)
    step = RandomResizedCrop(size=(rows, columns), scale=(0.2, 0.5), ratio=(0.5, 2.0))
    read = apply(step, given).inputs
    # between the outermost of 20 pixel centres lie 19 of 20 parts of the rectangle
    cut_width = (read[:, 0, 5, -2] - read[:, 0, 5, 1]) * columns / (columns - 3)
    cut_height = (read[:, 1, -2, 5] - read[:, 1, 1, 5]) * rows / (rows - 3)
    area = cut_width * cut_height / (height * width)
    ratio = cut_width / cut_height
    whole = (cut_width < width - 1) & (cut_height < height - 1)  # not cut off at the image's sides
    assert int(whole.sum()) > 400
    assert float(area[whole].min()) == pytest.approx(0.2, abs=0.01)
    assert float(area[whole].max()) == pytest.approx(0.5, abs=0.01)
    assert float(area[whole].mean()) == pytest.approx(0.35, abs=0.02)
    assert 0.49 < float(ratio.min()) < 0.55
    assert 1.8 < float(ratio.max()) < 2.06  # of whole pixels
    assert float(torch.log(ratio[whole]).mean().abs()) < 0.1
    centre_x, centre_y = read[:, 0].mean((1, 2)), read[:, 1].mean((1, 2))
    assert (centre_x - cut_width / 2 > -1).all()
    assert (centre_x + cut_width / 2 < width).all()
    assert (centre_y - cut_height / 2 > -1).all()
    assert (centre_y + cut_height / 2 < height).all()
    assert float((centre_x - cut_width / 2).min()) < 2
    assert float((centre_x + cut_width / 2).max()) > width - 3


@pytest.mark.parametrize(("height", "width"), [(9, 30), (30, 9)])
def test_random_resized_crop_keeps_the_size_of_narrow_images(height: int, width: int) -> None:
    given = as_batch(noise(1, 1, height, width))
    result = apply(RandomResizedCrop(), given).inputs
    assert result.shape == given.inputs.shape
    assert float(result.min()) >= float(given.inputs.min()) - 1e-6
    assert float(result.max()) <= float(given.inputs.max()) + 1e-6


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: RandomCrop(), "without padding or size changes nothing"),
        (lambda: RandomCrop(padding=-1), "padding of random_crop"),
        (lambda: RandomCrop(size=0), "size of random_crop"),
        (lambda: RandomResizedCrop(scale=(0.5, 2)), "0 < low <= high <= 1"),
        (lambda: RandomResizedCrop(ratio=(2, 1)), "ratio of random_resized_crop"),
        (lambda: RandomResizedCrop(size=(4, 0)), "size of random_resized_crop"),
    ],
)
def test_values_that_mean_nothing_are_mistakes_of_the_config(make: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()


def test_padding_wider_than_the_window_on_large_images() -> None:
    given = as_batch(noise(16, 3, 64, 64))  # large enough to be cut one by one
    result = apply(RandomCrop(padding=90, size=20, fill=0.25), given).inputs
    padded = F.pad(given.inputs, (90,) * 4, value=0.25)
    top, left = (keyed(given).integers(draw, 64 + 180 - 20 + 1)[:, 0].tolist() for draw in (0, 1))
    for row in range(16):
        expected = padded[row, :, top[row] : top[row] + 20, left[row] : left[row] + 20]
        assert torch.equal(result[row], expected)
