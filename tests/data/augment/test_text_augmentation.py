from __future__ import annotations

import pytest
import torch

from epochal.config.component import Component
from epochal.data.augment import build_augment
from epochal.data.batch import Batch
from epochal.errors import ConfigError


def dropped(rows: list[int], length: int = 200, probability: float = 0.3, epoch: int = 1) -> torch.Tensor:
    ids = torch.full((len(rows), length), 7)
    ids[:, length // 2 :] = 0
    step = Component.model_validate({"name": "token_dropout", "probability": probability})
    augment = build_augment([step], "text", 2, unknown=1)
    return augment(Batch(ids, torch.zeros(len(rows)), torch.tensor(rows)), 5, epoch).inputs


def test_some_tokens_become_unknown_and_padding_stays() -> None:
    ids = dropped(list(range(50)))
    assert (ids[:, 100:] == 0).all()
    assert set(ids[:, :100].flatten().tolist()) == {1, 7}
    assert 0.25 < (ids[:, :100] == 1).float().mean() < 0.35


def test_it_depends_on_the_sample_and_the_epoch_alone() -> None:
    together = dropped([4, 9, 2])
    assert torch.equal(dropped([9])[0], together[1])
    assert torch.equal(dropped([9], length=300)[0, :100], together[1, :100])
    assert not torch.equal(dropped([9], epoch=2)[0], together[1])


def test_a_probability_is_one() -> None:
    with pytest.raises(ConfigError, match=r"'probability' lies in \[0, 1\)"):
        dropped([1], probability=1.0)
