from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from epochal.engine.flat import flatten, unflatten
from epochal.engine.running import Running

Batch = tuple[Tensor, Tensor, Tensor]


def accuracy(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    hard = targets.argmax(1) if targets.ndim == 2 else targets
    return {"accuracy": (outputs.argmax(1) == hard).float().mean()}


def batches(count: int, size: int = 7, classes: int = 3) -> list[Batch]:
    """Batches whose last one is shorter."""
    torch.manual_seed(0)
    found = []
    for number in range(count):
        outputs = torch.randn(size - 3 * (number == count - 1), classes)
        targets = torch.randint(classes, (len(outputs),))
        found.append((F.cross_entropy(outputs, targets), outputs, targets))
    return found


def through_a_checkpoint(running: Running) -> Running:
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = flatten({"running": running.state_dict()}, "state", tensors)
    restored = Running()
    restored.load_state_dicts([unflatten(values, tensors)["running"]], torch.device("cpu"))
    return restored


def means(found: list[Batch], cuts: tuple[int, ...] = ()) -> dict[str, float]:
    running = Running()
    for number, batch in enumerate(found):
        if number in cuts:
            running = through_a_checkpoint(running)
        running.add(*batch, accuracy)
    return running.close(accuracy)


def test_means_are_over_samples() -> None:
    found = batches(70)
    outputs, targets = (torch.cat([batch[part] for batch in found]) for part in (1, 2))
    right = accuracy(outputs, targets)["accuracy"]
    expected = {"loss": float(F.cross_entropy(outputs, targets)), "accuracy": float(right)}
    assert means(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cuts", [(1,), (31, 32, 33), (5, 40, 64, 69)])
def test_a_cut_changes_no_bit(cuts: tuple[int, ...]) -> None:
    assert means(batches(70), cuts) == means(batches(70))


def test_large_outputs_do_not_wait() -> None:
    running = Running()
    for batch in batches(3, size=40, classes=2000):
        running.add(*batch, accuracy)
        assert not running.waiting
    assert running.samples == 117


def test_mixed_targets_and_plain_ones_in_one_epoch() -> None:
    found = batches(6)
    mixed = [(loss, outputs, F.one_hot(targets, 3).float()) for loss, outputs, targets in found]
    either = [pair[number % 2] for number, pair in enumerate(zip(found, mixed, strict=True))]
    assert means(either) == pytest.approx(means(found), rel=1e-6)


def test_an_epoch_starts_from_nothing() -> None:
    running, (first, second) = Running(), batches(2)
    running.add(*first, accuracy)
    running.close(accuracy)
    running.add(*second, accuracy)
    assert running.close(accuracy)["loss"] == pytest.approx(float(second[0]), rel=1e-12)
