from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from epochal.engine.rewind import generator_states, rewound, set_generator_states

CPU = torch.device("cpu")


@pytest.mark.parametrize("before", [0, 3, 624, 1000])
@pytest.mark.parametrize(
    "work",
    [
        lambda: torch.rand(10),
        lambda: torch.rand(624),
        lambda: torch.rand(10_000),
        lambda: torch.randn(2001),
        lambda: F.dropout(torch.ones(64, 99), 0.3),
        lambda: torch.randperm(700),
    ],
)
def test_the_same_draws_come_again(work: Callable[[], Tensor], before: int) -> None:
    torch.manual_seed(5)
    torch.rand(before)
    first = work()
    start = generator_states(CPU)
    work()
    end = generator_states(CPU)
    set_generator_states(rewound(start, end), CPU)
    assert torch.equal(work(), first)
    after = torch.rand(1000)
    set_generator_states(start, CPU)
    assert torch.equal(torch.rand(1000), after)


def test_a_generator_that_was_seeded_anew_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.engine.rewind._MOST", 20)
    start = generator_states(CPU)
    torch.manual_seed(6)
    torch.rand(1)
    assert torch.equal(rewound(start, generator_states(CPU))["cpu"], start["cpu"])
