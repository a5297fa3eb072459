"""Callables of the user's, whose results are theirs to share and to keep."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from epochal.config.component import Component
from epochal.data.augment import Augment, build_augment
from epochal.data.augment.foreign import WholeBatch
from epochal.data.batch import Batch
from epochal.data.foreign import import_torchvision
from epochal.data.statistics import Normalizer
from epochal.data.values import normalize_
from epochal.errors import DataError

NORMALIZER = Normalizer(torch.tensor(0.5), torch.tensor(0.25))


def batch() -> Batch:
    return Batch(torch.rand(4, 3, 6, 6), torch.zeros(4, dtype=torch.long), torch.arange(4))


def finished(augment: Augment, given: Batch) -> Tensor:
    return normalize_(augment(given, 0, 0).inputs, NORMALIZER.shift, NORMALIZER.scale)


def test_a_result_may_be_a_view_that_shares_its_memory() -> None:
    given = batch()
    gray = given.inputs.mean(1, keepdim=True).expand_as(given.inputs).clone()
    augment = Augment((WholeBatch("gray", lambda x: x.mean(1, keepdim=True).expand_as(x)),))
    torch.testing.assert_close(finished(augment, given), (gray - 0.5) / 0.25)


def test_what_the_callable_keeps_stays_as_it_returned_it() -> None:
    kept: list[Tensor] = []

    def keep(inputs: Tensor) -> Tensor:
        kept.append(inputs)
        return inputs

    given = batch()
    before = given.inputs.clone()
    finished(Augment((WholeBatch("keep", keep),)), given)
    assert torch.equal(kept[0], before)


def test_a_transform_that_drops_channels_is_refused() -> None:
    import_torchvision()
    augment = build_augment([Component(name="Grayscale")], "image", None)
    with pytest.raises(DataError, match="Grayscale gives 1 channels for 3"):
        augment(batch(), 0, 0)
