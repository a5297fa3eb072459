from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from epochal.config.component import Component
from epochal.data.cache import Samples
from epochal.data.config import Constants, DataConfig
from epochal.data.manifest import Array, Manifest, TargetKind
from epochal.data.statistics import Normalizer, Statistics, build_normalizer, measure, targets_like
from epochal.errors import DataError

TRAIN = np.array([8, 1, 2, 5, 3, 6, 0])
VAL = 4

GENERATOR = np.random.default_rng(0)
BYTES = GENERATOR.integers(0, 200, (9, 3, 6, 5), dtype=np.uint8)
FLOATS = GENERATOR.normal(0.4, 0.2, (9, 2, 6, 5)).astype(np.float32)
VECTORS = GENERATOR.normal(50, 3, (9, 4)).astype(np.float32)
SEQUENCES = GENERATOR.normal(-1, 2, (9, 6, 5)).astype(np.float32)


def kept(inputs: Array) -> Samples:
    return Samples(inputs.shape[1:], inputs.dtype, inputs, inputs.__getitem__)


def made_anew(inputs: Array) -> Samples:
    return replace(kept(inputs), array=None)


def manifest_of(targets: Array, kind: TargetKind, names: str = "abc") -> Manifest:
    return Manifest(pl.Series([str(row) for row in range(len(targets))]), targets, kind, tuple(names))


CLASSES = manifest_of(np.array([0, 1, 1, 0, 2, 0, 1, 2, 0]), "class", "abcd")


def config(normalize: Any) -> DataConfig:
    return DataConfig(source=Component(name="digits"), normalize=normalize)


def normalizer_of(inputs: Array, normalize: Any = "standard") -> Normalizer:
    return build_normalizer(config(normalize), measure(kept(inputs), CLASSES, TRAIN), inputs.shape[1:])


@pytest.mark.parametrize("lane", [kept, made_anew])
@pytest.mark.parametrize(
    ("inputs", "axes"),
    [(BYTES, (0, 2, 3)), (FLOATS, (0, 2, 3)), (VECTORS, 0), (SEQUENCES, None)],
    ids=["bytes", "floats", "vectors", "sequences"],
)
def test_moments_equal_numpys_on_the_training_rows(inputs: Array, axes: Any, lane: Any) -> None:
    statistics = measure(lane(inputs), CLASSES, TRAIN)
    values = inputs[TRAIN].astype(np.float64) / (255 if inputs.dtype == np.uint8 else 1)
    assert statistics.count == 7
    for name, moment in (
        ("mean", values.mean(axes)),
        ("std", values.std(axes)),
        ("minimum", values.min(axes)),
        ("maximum", values.max(axes)),
    ):
        np.testing.assert_allclose(getattr(statistics, name), np.atleast_1d(moment), rtol=1e-12)


@pytest.mark.parametrize("inputs", [BYTES, FLOATS, VECTORS], ids=["bytes", "floats", "vectors"])
def test_rows_outside_the_training_split_change_nothing(inputs: Array) -> None:
    other = inputs.copy()
    other[VAL] = 255
    targets = CLASSES.targets.copy()
    targets[VAL] = 3
    changed = measure(kept(other), replace(CLASSES, targets=targets), TRAIN)
    assert changed == measure(kept(inputs), CLASSES, TRAIN)


@pytest.mark.parametrize("inputs", [BYTES, FLOATS, VECTORS], ids=["bytes", "floats", "vectors"])
def test_statistics_do_not_depend_on_where_samples_are_kept(inputs: Array) -> None:
    """Nor does a training, then: ``data.cache`` is no setting of the experiment."""
    assert measure(made_anew(inputs), CLASSES, TRAIN) == measure(kept(inputs), CLASSES, TRAIN)


def test_bytes_and_floats_mixed_are_measured_in_units() -> None:
    images = [BYTES[row] if row % 2 else (BYTES[row] / 255).astype(np.float32) for row in range(9)]
    mixed = Samples((3, 6, 5), np.dtype(np.uint8), None, images.__getitem__)
    statistics = measure(mixed, CLASSES, TRAIN)
    values = BYTES[TRAIN] / 255
    np.testing.assert_allclose(statistics.mean, values.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(statistics.std, values.std((0, 2, 3)), rtol=1e-6)


def test_many_values_are_measured_as_exactly_as_few() -> None:
    """More than are looked at together, of a spread that is small beside the mean."""
    generator = np.random.default_rng(1)
    inputs = generator.normal(1e4, 1, (2500, 2000)).astype(np.float32)
    inputs += np.arange(2500, dtype=np.float32)[:, None] / 1000  # the blocks differ
    rows = np.arange(2500)
    statistics = measure(kept(inputs), manifest_of(rows % 2, "class", "ab"), rows)
    values = inputs.astype(np.float64)
    np.testing.assert_allclose(statistics.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(statistics.std, values.std(0), rtol=1e-9)
    assert statistics.minimum == tuple(values.min(0))
    assert statistics.maximum == tuple(values.max(0))


def test_a_random_dataset_is_measured_the_same_each_time() -> None:
    noisy = Samples((2,), np.dtype(np.float32), None, lambda row: np.random.rand(2).astype(np.float32))
    first = measure(noisy, CLASSES, TRAIN)
    np.random.seed(7)
    state = str(np.random.get_state())
    assert measure(noisy, CLASSES, TRAIN) == first
    assert str(np.random.get_state()) == state
    assert all(spread > 0 for spread in first.std)


def test_targets_are_counted_or_measured() -> None:
    of_classes = measure(kept(VECTORS), CLASSES, TRAIN)
    assert of_classes.target_counts == (4, 3, 0, 0)  # a class without a training row is counted too
    assert of_classes.target_mean == of_classes.target_std == ()
    labels = np.array([[0, 1, 1]] * 4 + [[1, 1, 1]] + [[1, 0, 1]] * 4, np.uint8)
    assert measure(kept(VECTORS), manifest_of(labels, "labels"), TRAIN).target_counts == (3, 4, 7)
    values = GENERATOR.normal(1e5, 2, (9, 3)).astype(np.float32)
    of_values = measure(kept(VECTORS), manifest_of(values, "value"), TRAIN)
    expected = values[TRAIN].astype(np.float64)
    np.testing.assert_allclose(of_values.target_mean, expected.mean(0), rtol=1e-12)
    np.testing.assert_allclose(of_values.target_std, expected.std(0), rtol=1e-9)
    assert of_values.target_counts == ()


def test_targets_are_found_again_from_their_counts() -> None:
    classes = targets_like(measure(kept(VECTORS), CLASSES, TRAIN), "class")
    assert classes.dtype == np.int64
    assert classes.tolist() == [0, 0, 0, 0, 1, 1, 1]
    texts = np.array([[0, 1, 1]] * 9, np.uint8)
    labels = targets_like(measure(kept(VECTORS), manifest_of(texts, "labels"), TRAIN), "labels")
    assert labels.shape == (7, 3)
    assert labels.sum(0).tolist() == [0, 7, 7]
    values = manifest_of(np.ones((9, 2), np.float32), "value", "ab")
    assert targets_like(measure(kept(VECTORS), values, TRAIN), "value").shape == (0, 2)


def test_statistics_survive_their_file() -> None:
    statistics = measure(kept(BYTES), CLASSES, TRAIN)
    assert Statistics.from_json(json.loads(json.dumps(statistics.to_json()))) == statistics


@pytest.mark.parametrize("inputs", [BYTES, FLOATS, VECTORS, SEQUENCES])
def test_standard_gives_mean_0_and_spread_1_on_the_training_rows(inputs: Array) -> None:
    scaled = inputs / np.float32(255) if inputs.dtype == np.uint8 else inputs
    units = torch.from_numpy(scaled.astype(np.float32))[TRAIN]
    normalizer = normalizer_of(inputs)
    normal = normalizer(units)
    assert normal.dtype == torch.float32
    axes = {4: (0, 2, 3), 3: (0, 1, 2), 2: (0,)}[inputs.ndim]
    torch.testing.assert_close(normal.mean(axes), torch.zeros_like(normal.mean(axes)), atol=1e-5, rtol=0)
    spread = normal.std(axes, correction=0)
    torch.testing.assert_close(spread, torch.ones_like(spread), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalizer.invert(normal), units)


@pytest.mark.parametrize("inputs", [BYTES, VECTORS])
def test_minmax_gives_0_to_1_on_the_training_rows(inputs: Array) -> None:
    scaled = inputs / np.float32(255) if inputs.dtype == np.uint8 else inputs
    normal = normalizer_of(inputs, "minmax")(torch.from_numpy(scaled.astype(np.float32))[TRAIN])
    by_channel = normal.transpose(0, 1).flatten(1)
    torch.testing.assert_close(by_channel.amin(1), torch.zeros(len(by_channel)))
    torch.testing.assert_close(by_channel.amax(1), torch.ones(len(by_channel)))


def test_none_changes_nothing() -> None:
    inputs = torch.from_numpy(FLOATS)
    assert torch.equal(normalizer_of(FLOATS, "none")(inputs), inputs)


def test_constants_are_one_number_or_one_a_channel() -> None:
    ones = torch.ones(2, 3, 6, 5)
    single = normalizer_of(BYTES, Constants(mean=(0.5,), std=(0.25,)))(ones)
    assert torch.equal(single, torch.full_like(ones, 2.0))
    each = normalizer_of(BYTES, Constants(mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 4.0)))(ones)
    assert each[1, :, 3, 2].tolist() == [1.0, 1.0, 0.0]
    of_features = normalizer_of(VECTORS, Constants(mean=(0.0, 1.0, 2.0, 3.0), std=(2.0,)))(torch.ones(1, 4))
    assert of_features.tolist() == [[0.5, 0.0, -0.5, -1.0]]


def test_constants_that_do_not_fit_the_channels_are_refused() -> None:
    with pytest.raises(DataError, match=r"data\.normalize: std has 2 numbers, the samples have 3 channels"):
        normalizer_of(BYTES, Constants(mean=(0.5,), std=(0.1, 0.2)))


@pytest.mark.parametrize("normalize", ["standard", "minmax"])
@pytest.mark.parametrize("value", [0, 1, 111, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_constant_channel_is_only_shifted(normalize: str, value: int, dtype: Any) -> None:
    inputs = BYTES.copy() if dtype == np.uint8 else (BYTES / np.float32(255)).astype(np.float32)
    inputs[:, 1] = value if dtype == np.uint8 else np.float32(value) * np.float32(1 / 255)
    statistics = measure(kept(inputs), CLASSES, TRAIN)
    assert statistics.std[1] == 0
    unit = float(statistics.mean[1])
    images = torch.full((1, 3, 6, 5), unit)
    images[0, 1, 0, 0] = unit + 1  # of another split: far, but not infinitely far
    normal = normalizer_of(inputs, normalize)(images)[0, 1]
    assert float(normal[0, 0]) == pytest.approx(1, abs=1e-6)
    assert float(normal.flatten()[1:].abs().max()) < 1e-6


def test_features_of_a_small_unit_are_normalised_too() -> None:
    """A capacity in farads varies by 1e-13, and tells as much as one in picofarads."""
    farads = (VECTORS * np.float32(1e-13)).astype(np.float32)
    normal = normalizer_of(farads)(torch.from_numpy(farads)[TRAIN])
    torch.testing.assert_close(
        normal, normalizer_of(VECTORS)(torch.from_numpy(VECTORS)[TRAIN]), atol=1e-3, rtol=0
    )


def test_what_is_not_float_is_not_normalised() -> None:
    tokens = torch.arange(6).reshape(1, 6)
    assert Normalizer(torch.ones(1), torch.ones(1))(tokens) is tokens
