from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from epochal.data import batches as batches_module
from epochal.data.augment.corruption import GaussianNoise
from epochal.data.augment.geometry import HorizontalFlip, Rotation
from epochal.data.augment.mix import Mixup
from epochal.data.augment.pipeline import Augment
from epochal.data.batch import Batch
from epochal.data.batches import Batches, Pool, epoch_order, target_tensor
from epochal.data.cache import Samples, to_unit
from epochal.data.draws import Draws
from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.statistics import Normalizer

IDENTITY = Normalizer(torch.zeros(1), torch.ones(1))
NOISE = Augment((GaussianNoise(0.5),))


def manifest_of(targets: Array, kind: TargetKind = "class") -> Manifest:
    names = tuple("abcdefgh"[: targets.max() + 1 if kind == "class" else targets.shape[1]])
    return Manifest(pl.Series([str(row) for row in range(len(targets))]), targets, kind, names)


def pool_of(
    inputs: Array, *, kept: bool = True, normalizer: Normalizer = IDENTITY, channels_last: bool = False
) -> Pool:
    """Samples of three classes, in memory or, where they are not kept, in the slow lane."""
    manifest = manifest_of(np.arange(len(inputs)) % 3)
    kind: Any = {4: "image", 2: "vector"}.get(inputs.ndim, "tensor")
    return Pool(
        source=Source(manifest, kind, inputs.__getitem__, "0" * 32),
        samples=Samples(inputs.shape[1:], inputs.dtype, inputs if kept else None, inputs.__getitem__),
        targets=target_tensor(manifest),
        normalizer=normalizer,
        device=torch.device("cpu"),
        seed=5,
        workers=0,
        channels_last=channels_last,
    )


def vectors(count: int) -> Array:
    return np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)


def pictures(count: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 5, 7), dtype=np.uint8)


def rows_of(batches: Sequence[Batch]) -> list[int]:
    return [int(row) for batch in batches for row in batch.samples]


def assert_same(one: Sequence[Batch], other: Sequence[Batch]) -> None:
    """Bit for bit."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for name in ("inputs", "targets", "samples"):
            assert torch.equal(getattr(left, name), getattr(right, name)), name


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    rows = np.arange(100, 150)
    order = epoch_order(rows, 42, 3)
    assert sorted(order.tolist()) == rows.tolist()
    np.random.seed(1)  # what the process drew before does not matter
    assert np.array_equal(epoch_order(rows, 42, 3), order)
    others = [epoch_order(rows, 42, 4), epoch_order(rows, 43, 3), epoch_order(rows, 3, 42), rows]
    assert not any(np.array_equal(other, order) for other in others)


def test_the_order_is_the_same_in_every_version() -> None:
    """A run that is resumed after an upgrade goes on in its order."""
    assert epoch_order(np.arange(8), 42, 3).tolist() == [7, 6, 0, 2, 3, 4, 1, 5]


@pytest.mark.parametrize("size", [1, 4, 7, 30, 100])
def test_every_epoch_has_every_training_row_once(size: int) -> None:
    rows = np.arange(30) * 2
    batches = Batches(pool_of(vectors(60)), rows, size, Augment())
    epochs = [rows_of(list(batches.epoch(epoch))) for epoch in range(3)]
    assert all(sorted(found) == rows.tolist() for found in epochs)
    assert len({tuple(found) for found in epochs}) == 3


def test_the_order_does_not_depend_on_the_size_of_batches() -> None:
    pool = pool_of(vectors(31))
    orders = [rows_of(list(Batches(pool, np.arange(31), size, Augment()).epoch(2))) for size in (4, 8, 31)]
    assert orders[0] == orders[1] == orders[2]
    # 31 % 10 leaves a single sample, which is left out, and nothing else moves
    assert rows_of(list(Batches(pool, np.arange(31), 10, Augment()).epoch(2))) == orders[0][:30]


def test_what_is_drawn_for_a_sample_does_not_depend_on_its_batch() -> None:
    pool = pool_of(vectors(24))
    by_size: list[dict[int, Tensor]] = []
    for size in (5, 12):
        batches = Batches(pool, np.arange(24), size, NOISE).epoch(1)
        by_size.append({int(r): x for b in batches for r, x in zip(b.samples, b.inputs, strict=True)})
    assert by_size[0].keys() == by_size[1].keys()
    assert all(torch.equal(by_size[0][row], by_size[1][row]) for row in by_size[0])


@pytest.mark.parametrize("kept", [True, False])
def test_starting_later_drops_the_first_batches_and_changes_nothing_else(kept: bool) -> None:
    augment = Augment((GaussianNoise(0.1, p=0.5), Mixup(classes=3)))
    batches = Batches(pool_of(pictures(22), kept=kept, channels_last=True), np.arange(22), 4, augment)
    whole = list(batches.epoch(7))
    assert len(whole) == 6
    for start in range(7):
        assert_same(list(batches.epoch(7, start=start)), whole[start:])


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_an_epoch_made_in_blocks_can_be_entered_anywhere(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches_module, "_BLOCK_VALUES", at_once * 4 * 3 * 5 * 7)
    augment = Augment((Rotation(20), HorizontalFlip(), GaussianNoise(0.1)))
    batches = Batches(pool_of(pictures(45), channels_last=True), np.arange(45), 4, augment)
    whole = list(batches.epoch(3))
    assert [len(batch) for batch in whole] == [4] * 11  # a last one of a single sample is left out
    for start in range(12):
        assert_same(list(batches.epoch(3, start=start)), whole[start:])


def test_the_size_of_blocks_changes_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(pool_of(pictures(30)), np.arange(30), 4, Augment((HorizontalFlip(),)))
    together = list(batches.epoch(1))
    monkeypatch.setattr(batches_module, "_BLOCK_VALUES", 1)
    assert_same(list(batches.epoch(1)), together)


def test_batches_that_are_kept_stay_what_they_were() -> None:
    """Memory is used again only where nobody has it any more, and never that of the samples."""
    inputs = np.random.default_rng(0).integers(0, 256, (96, 3, 64, 64), dtype=np.uint8)
    before = inputs.copy()
    batches = Batches(pool_of(inputs, channels_last=True), np.arange(96), 32, Augment((HorizontalFlip(),)))
    kept = list(batches.epoch(0))
    copies = [batch.inputs.clone() for batch in kept]
    for epoch in (1, 2):
        list(batches.epoch(epoch))
    assert all(torch.equal(batch.inputs, copy) for batch, copy in zip(kept, copies, strict=True))
    assert np.array_equal(inputs, before)


def test_samples_kept_and_samples_made_anew_are_the_same() -> None:
    inputs = pictures(13)
    kept, anew = (Batches(pool_of(inputs, kept=kept), np.arange(13), 4, NOISE) for kept in (True, False))
    for epoch in range(2):
        assert_same(list(kept.epoch(epoch)), list(anew.epoch(epoch)))


def test_evaluation_sees_the_rows_in_their_order_whatever_the_epoch() -> None:
    inputs = vectors(20)
    rows = np.array([3, 17, 4, 9, 0])
    batches = Batches(pool_of(inputs), rows, 2)
    first = list(batches.epoch())
    assert [batch.samples.tolist() for batch in first] == [[3, 17], [4, 9], [0]]
    assert torch.equal(torch.cat([batch.inputs for batch in first]), torch.from_numpy(inputs[rows]))
    assert torch.cat([batch.targets for batch in first]).tolist() == [0, 2, 1, 0, 0]
    assert_same(list(batches.epoch(5)), first)


@pytest.mark.parametrize("kept", [True, False])
def test_augmentation_never_reaches_evaluation(kept: bool) -> None:
    """Not even one that writes into its batch."""

    def blacken(batch: Batch, draws: Draws) -> Batch:
        batch.inputs.zero_()
        batch.targets.zero_()
        batch.samples.zero_()
        return batch

    for inputs in (vectors(12), pictures(12)):
        original = inputs.copy()
        pool = pool_of(inputs, kept=kept)
        plain = Batches(pool, np.arange(12), 5)
        before = list(plain.epoch())
        for batch in Batches(pool, np.arange(12), 5, Augment((blacken,))).epoch():
            assert not batch.inputs.any()
        assert_same(list(plain.epoch()), before)
        assert np.array_equal(inputs, original)


def test_a_last_single_sample_is_left_out_of_training_only() -> None:
    pool = pool_of(vectors(9))
    train, val = Batches(pool, np.arange(9), 4, Augment()), Batches(pool, np.arange(9), 4)
    for epoch in range(3):
        assert [len(batch) for batch in train.epoch(epoch)] == [4, 4]
    assert [len(batch) for batch in val.epoch()] == [4, 4, 1]
    assert (len(train), len(val)) == (2, 3)
    missing = {frozenset(range(9)) - frozenset(rows_of(list(train.epoch(epoch)))) for epoch in range(6)}
    assert len(missing) > 1  # the sample that is left out is another in another epoch


def test_a_single_sample_is_kept_where_there_would_be_nothing_else() -> None:
    pool = pool_of(vectors(9))
    assert [len(batch) for batch in Batches(pool, np.array([6]), 4, Augment()).epoch()] == [1]
    assert [len(batch) for batch in Batches(pool, np.arange(3), 1, Augment()).epoch()] == [1, 1, 1]


@pytest.mark.parametrize(("count", "size"), [(9, 4), (10, 4), (8, 4), (3, 4), (1, 4), (5, 1)])
@pytest.mark.parametrize("augment", [None, Augment()])
def test_counts_are_those_of_the_batches(count: int, size: int, augment: Augment | None) -> None:
    batches = Batches(pool_of(vectors(count)), np.arange(count), size, augment)
    lengths = [len(batch) for batch in batches.epoch()]
    assert len(batches) == len(lengths)
    for start in range(len(lengths)):
        for stop in range(start + 1, len(lengths) + 1):
            assert batches.count(start, stop) == sum(lengths[start:stop])


@pytest.mark.parametrize("kept", [True, False])
def test_inputs_are_float32_normalised(kept: bool) -> None:
    inputs = pictures(6)
    normalizer = Normalizer(
        torch.tensor([0.2, 0.4, 0.6])[:, None, None], torch.tensor([1.0, 2.0, 4.0])[:, None, None]
    )
    pool = pool_of(inputs, kept=kept, normalizer=normalizer)
    (batch,) = Batches(pool, np.arange(6), 6).epoch()
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.device == pool.device
    shift, scale = np.array([0.2, 0.4, 0.6]), np.array([1.0, 2.0, 4.0])
    expected = (inputs / 255 - shift[:, None, None]) / scale[:, None, None]
    np.testing.assert_allclose(batch.inputs.numpy(), expected, atol=1e-6)


def test_bytes_become_the_same_floats_wherever_it_is_done() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    (batch,) = Batches(pool_of(every), np.arange(1), 1).epoch()
    assert np.array_equal(batch.inputs.numpy(), to_unit(every))


def test_augmentation_works_on_units_and_normalisation_comes_after() -> None:
    seen: list[Tensor] = []

    def look(batch: Batch, draws: Draws) -> Batch:
        seen.append(batch.inputs.clone())
        return replace(batch, inputs=torch.ones_like(batch.inputs))

    normalizer = Normalizer(torch.tensor(0.5), torch.tensor(0.25))
    (batch,) = Batches(pool_of(pictures(4), normalizer=normalizer), np.arange(4), 4, Augment((look,))).epoch()
    assert 0 <= float(seen[0].min()) < 0.1 < 0.9 < float(seen[0].max()) <= 1
    assert torch.equal(batch.inputs, torch.full_like(batch.inputs, 2.0))


def test_images_lie_channels_last_where_that_is_asked_for() -> None:
    inputs = pictures(4)
    (batch,) = Batches(pool_of(inputs, channels_last=True), np.arange(4), 4).epoch()
    (plain,) = Batches(pool_of(inputs), np.arange(4), 4).epoch()
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert plain.inputs.is_contiguous()
    assert torch.equal(batch.inputs, plain.inputs)


def test_token_numbers_pass_as_they_are() -> None:
    tokens = np.arange(24).reshape(2, 3, 4)
    (batch,) = Batches(
        pool_of(tokens, normalizer=Normalizer(torch.ones(1), torch.ones(1))), np.arange(2), 2
    ).epoch()
    assert batch.inputs.dtype == torch.int64
    assert torch.equal(batch.inputs, torch.from_numpy(tokens))


def test_targets_are_what_losses_take() -> None:
    classes = target_tensor(manifest_of(np.array([2, 0, 1])))
    labels = target_tensor(manifest_of(np.array([[0, 1], [1, 1]], np.uint8), "labels"))
    values = target_tensor(manifest_of(np.array([[0.5, -1e6]], np.float32), "value"))
    assert (classes.dtype, classes.tolist()) == (torch.int64, [2, 0, 1])
    assert (labels.dtype, labels.tolist()) == (torch.float32, [[0, 1], [1, 1]])
    assert (values.dtype, values.tolist()) == (torch.float32, [[0.5, -1e6]])


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_is_drawn_from_the_global_generators(kept: bool) -> None:
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    list(Batches(pool_of(pictures(9), kept=kept), np.arange(9), 4, NOISE).epoch(1))
    assert random.getstate() == before[0]
    assert str(np.random.get_state()) == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
