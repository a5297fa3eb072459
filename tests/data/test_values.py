from __future__ import annotations

import numpy as np
import pytest
import torch

from epochal.data.cache import to_unit
from epochal.data.values import byte_of, constant, normalize_, to_float


def test_bytes_become_the_caches_numbers() -> None:
    every = torch.arange(256).to(torch.uint8)
    assert np.array_equal(to_float(every).numpy(), to_unit(every.numpy()))
    assert to_float(torch.tensor([0.5], dtype=torch.float64)).dtype == torch.float32
    assert to_float(torch.tensor([7])).tolist() == [7]


def test_a_byte_stands_for_a_value_only_where_it_becomes_just_that() -> None:
    assert [byte_of(value) for value in (0.0, 1.0, 0.25, -1.0, 2.0)] == [0, 255, None, None, None]
    for byte, value in enumerate(to_float(torch.arange(256).to(torch.uint8)).tolist()):
        assert byte_of(value) == byte
    assert constant(1.0, torch.zeros(1, dtype=torch.uint8)) == 255
    assert constant(1.0, torch.zeros(1)) == 1


@pytest.mark.parametrize("kind", ["bytes", "float"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    ("channels", "height", "width"), [(1, 9, 11), (3, 9, 11), (3, 110, 130), (4, 90, 120)]
)
def test_normalising_in_one_pass_gives_the_numbers_of_three(
    kind: str, channels_last: bool, each: bool, channels: int, height: int, width: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randint(0, 256, (5, channels, height, width), dtype=torch.uint8, generator=generator)
    inputs = inputs if kind == "bytes" else to_float(inputs)
    inputs = inputs.to(memory_format=torch.channels_last) if channels_last else inputs
    shift, scale = torch.rand(2, channels if each else 1, 1, 1, generator=generator).add(0.1).unbind()
    expected = (to_float(inputs) - shift) / scale
    result = normalize_(inputs.clone(), shift, scale)
    assert torch.equal(result, expected)
    assert result.stride() == inputs.stride()
