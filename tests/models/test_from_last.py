from __future__ import annotations

import torch
from torch import Tensor, nn

from epochal.models.from_last import FromLast


class Sum(nn.Module):
    """[B, C, T] -> [B, 2]: the sum of each of the first two channels."""

    def forward(self, series: Tensor) -> Tensor:
        return series.sum(dim=2)[:, :2]


def test_a_network_of_zeros_forecasts_the_last_value_in_the_units_of_the_target() -> None:
    network = FromLast(
        nn.Sequential(nn.Flatten(), nn.Linear(6, 2)),
        (0, None),
        2,
        torch.tensor([2.0, 3.0]),
        torch.tensor([1.0, 5.0]),
    )
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    series = torch.arange(6.0).reshape(1, 2, 3)
    assert network(series).tolist() == [[2 * 2 + 1, 0]]  # the second output continues nothing


def test_a_channel_that_is_continued_is_seen_from_its_last_value_and_others_as_they_are() -> None:
    network = FromLast(Sum(), (0, None), 2, torch.ones(2), torch.zeros(2))
    series = torch.tensor([[[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]])
    assert network(series).tolist() == [[-3 - 2 + 0 + 4, 7]]


def test_what_it_adds_is_in_its_state() -> None:
    one = FromLast(Sum(), (0, 1), 2, torch.tensor([2.0, 3.0]), torch.ones(2))
    other = FromLast(Sum(), (0, 1), 2, torch.ones(2), torch.zeros(2))
    other.load_state_dict(one.state_dict())
    series = torch.rand(3, 2, 4)
    torch.testing.assert_close(one(series), other(series), rtol=0, atol=0)
