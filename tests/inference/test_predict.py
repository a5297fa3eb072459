from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch import nn

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.batches import Batches, Pool, target_tensor
from epochal.data.cache import prepare_samples
from epochal.data.config import DataConfig
from epochal.data.inputs import Inputs, open_inputs
from epochal.data.manifest import Array, Source
from epochal.data.prepare import build_prepare
from epochal.data.sources import build_source
from epochal.data.statistics import build_normalizer, measure
from epochal.errors import DataError
from epochal.inference.evaluate import Outcome, evaluate_batches
from epochal.inference.predict import Predictor
from epochal.tasks.classification import Classification
from epochal.tasks.task import TaskContext

COUNT = 24


@dataclass(frozen=True)
class Trained:
    """The parts of training that a predictor shares."""

    source: Source
    pool: Pool
    predictor: Predictor

    def evaluate(self, size: int) -> Outcome:
        rows = np.arange(len(self.source.manifest))
        batches = Batches(self.pool, rows, size).epoch()
        predictor = self.predictor
        context = TaskContext(predictor.task.names, nn.CrossEntropyLoss())
        return evaluate_batches(predictor.model, Classification(context), batches, predictor.autocast)


def trained(source: Source, folder: Path, *steps: Any) -> Trained:
    """As ``assemble`` and ``load_predictor`` put the parts together."""
    prepare = build_prepare([Component.model_validate(step) for step in steps])
    samples = prepare_samples(source, prepare, "auto", folder / "cache", Console(quiet=True))
    statistics = measure(samples, source.manifest, np.arange(0, len(source.manifest), 2))
    normalizer = build_normalizer(DataConfig(source=Component(name="digits")), statistics, samples.shape)
    is_image = len(samples.shape) == 3
    device = torch.device("cpu")
    torch.manual_seed(0)
    body: list[nn.Module] = (
        [nn.Conv2d(samples.shape[0], 4, 3), nn.BatchNorm2d(4), nn.ReLU()] if is_image else []
    )
    model = nn.Sequential(*body, nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(len(source.manifest.names)))
    model(torch.randn(8, *samples.shape))
    if is_image:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pool = Pool(source, samples, target_tensor(source.manifest), normalizer, device, 1, 0, is_image)
    predictor = Predictor(
        model=model,
        task=Classification(TaskContext(source.manifest.names, None)),
        prepare=prepare,
        normalizer=normalizer,
        device=device,
        autocast=contextlib.nullcontext,
        channels_last=True,
        kind=source.kind,
        shape=samples.shape,
        channels=samples.shape[0] if is_image else None,
        features=source.features,
    )
    return Trained(source, pool, predictor)


def of_images(folder: Path, bits: int = 8) -> Trained:
    """Image files of two sizes in two classes, resized to one."""
    generator = np.random.default_rng(0)
    for row in range(COUNT):
        place = folder / "pets" / ("cat" if row % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        side = 12 if row % 3 else 15
        pixels = generator.integers(0, 2**bits, (side, side) if bits == 16 else (side, side, 3))
        Image.fromarray(pixels.astype(f"uint{bits}")).save(place / f"{row:02}.png")
    component = Component.model_validate({"name": "folder", "root": str(folder / "pets")})
    return trained(build_source(component, "class"), folder, {"name": "resize", "size": 8})


def of_vectors(folder: Path) -> Trained:
    values = np.random.default_rng(0).normal(100, 7, (COUNT, 3))
    pl.DataFrame({"x": values[:, 0], "y": values[:, 1], "z": values[:, 2], "c": ["n", "p"] * 12}).write_csv(
        folder / "t.csv"
    )
    component = Component.model_validate({"name": "table", "path": str(folder / "t.csv"), "target": "c"})
    return trained(build_source(component, "class"), folder)


def inputs_of(found: Trained, path: Path) -> Inputs:
    predictor = found.predictor
    return open_inputs([path], predictor.kind, predictor.channels, predictor.features)


def in_order(found: Trained, inputs: Inputs, predictions: Array) -> Array:
    """Predictions in the order of the source's rows."""
    rows = {name: row for row, name in enumerate(inputs.filenames)}
    return predictions[[rows[name] for name in found.source.manifest.filenames]]


@pytest.mark.parametrize("bits", [8, 16])
def test_image_files_are_predicted_as_they_are_evaluated(tmp_path: Path, bits: int) -> None:
    found = of_images(tmp_path, bits)
    inputs = inputs_of(found, tmp_path / "pets")
    assert sorted(inputs.filenames) == sorted(found.source.manifest.filenames)
    predictions = found.predictor.predict(inputs, batch_size=COUNT)
    assert predictions.shape == (COUNT, 2)
    assert predictions.dtype == np.float32
    evaluated = found.evaluate(COUNT).predictions
    np.testing.assert_allclose(in_order(found, inputs, predictions), evaluated, atol=1e-6)
    assert evaluated.std(axis=0).min() > 0.01


def test_the_same_batches_give_the_same_bits(tmp_path: Path) -> None:
    found = of_images(tmp_path)
    paths = [tmp_path / "pets" / name for name in found.source.manifest.filenames]
    inputs = open_inputs(paths, "image", 3, ())
    for size in (1, 7, COUNT):
        assert np.array_equal(found.predictor.predict(inputs, size), found.evaluate(size).predictions)


def test_rows_of_a_table_are_predicted_as_they_are_evaluated(tmp_path: Path) -> None:
    found = of_vectors(tmp_path)
    predictions = found.predictor.predict(inputs_of(found, tmp_path / "t.csv"), 5)
    assert np.array_equal(predictions, found.evaluate(5).predictions)
    assert predictions.std(axis=0).min() > 0.01


def test_the_size_of_batches_changes_nothing(tmp_path: Path) -> None:
    found = of_images(tmp_path)
    inputs = inputs_of(found, tmp_path / "pets")
    whole = found.predictor.predict(inputs)
    for size in (1, 5, COUNT):
        np.testing.assert_allclose(found.predictor.predict(inputs, size), whole, atol=1e-6)


def test_samples_of_different_types_share_a_batch(tmp_path: Path) -> None:
    """Bytes of 0 to 255 and floats of 0 to 1 are the same image, whatever they stand beside."""
    found = of_images(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    as_floats = (image / 255).astype(np.float32)
    inputs = Inputs(["bytes", "floats"], lambda row: (image, as_floats)[row])
    first, second = found.predictor.predict(inputs)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_samples_that_may_not_be_written_are_read(tmp_path: Path) -> None:
    found = of_vectors(tmp_path)
    values = np.ones((4, 3), np.float32)
    values.flags.writeable = False
    inputs = Inputs(list("abcd"), values.__getitem__)
    assert found.predictor.predict(inputs).shape == (4, 2)


def test_no_inputs_give_no_predictions(tmp_path: Path) -> None:
    predictions = of_vectors(tmp_path).predictor.predict(Inputs([], lambda _: np.zeros(3)))
    assert predictions.shape == (0, 2)
    assert predictions.dtype == np.float32


def test_a_sample_of_another_shape_is_named(tmp_path: Path) -> None:
    found = of_vectors(tmp_path)
    samples = [np.zeros(3, np.float32), np.zeros(4, np.float32)]
    with pytest.raises(DataError) as caught:
        found.predictor.predict(Inputs(["good", "bad"], lambda row: samples[row]))
    assert str(caught.value).startswith("bad: its shape, prepared, is 4; the model takes 3; ")


def test_progress_counts_samples(tmp_path: Path) -> None:
    found = of_vectors(tmp_path)
    done: list[int] = []
    found.predictor.predict(inputs_of(found, tmp_path / "t.csv"), 10, done.append)
    assert done == [10, 10, 4]


def test_nothing_is_drawn_and_the_model_can_be_trained_on(tmp_path: Path) -> None:
    found = of_images(tmp_path)
    model = found.predictor.model.train()
    inputs = inputs_of(found, tmp_path / "pets")
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    first, second = found.predictor.predict(inputs), found.predictor.predict(inputs)
    assert np.array_equal(first, second)  # without dropout, whatever the mode was
    assert random.getstate() == before[0]
    assert str(np.random.get_state()) == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    model.train()(torch.randn(4, 3, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
