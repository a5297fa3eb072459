from __future__ import annotations

import logging
import random
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from epochal.config.component import Component
from epochal.data.augment import AUGMENT, SUPPLIED, Augment, build_augment, check_step
from epochal.data.augment.geometry import HorizontalFlip, Rotation, Translation
from epochal.data.augment.resample import compose, move_
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.data.values import to_float
from epochal.errors import ConfigError, DataError

STEPS: dict[str, dict[str, Any]] = {
    "horizontal_flip": {},
    "vertical_flip": {},
    "rotation": {"degrees": 30},
    "translation": {"fraction": [0.1, 0.2]},
    "zoom": {},
    "shear": {"degrees": 20},
    "affine": {"degrees": 10, "translate": 0.1, "scale": [0.8, 1.2], "shear": 5},
    "random_crop": {"padding": 3},
    "random_resized_crop": {},
    "brightness": {"amount": 0.3},
    "contrast": {"amount": 0.3},
    "brightness_contrast": {},
    "erasing": {"p": 0.9},
    "gaussian_noise": {},
    "mixup": {"alpha": 1.0},
    "cutmix": {},
}
UNMIXED = sorted(set(STEPS) - {"mixup", "cutmix"})


def build(
    *steps: str | dict[str, Any],
    kind: Literal["image", "vector", "tensor"] = "image",
    classes: int | None = 3,
) -> Augment:
    return build_augment([Component.model_validate(step) for step in steps], kind, classes)


def run(augment: Augment, given: Batch, seed: int = 1, epoch: int = 1) -> Batch:
    """What a pipeline makes of a copy: it may write into its inputs."""
    return augment(replace(given, inputs=given.inputs.clone()), seed, epoch)


def ours(name: str) -> Augment:
    return build({"name": name, **STEPS[name]})


def batch(rows: list[int], channels: int = 3, alike: bool = False) -> Batch:
    """Images that depend on their row's number only, or are all alike."""
    inputs = [
        torch.rand(channels, 11, 16, generator=torch.Generator().manual_seed(0 if alike else row))
        for row in rows
    ]
    return Batch(torch.stack(inputs), torch.tensor(rows) % 3, torch.tensor(rows))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = """
    import random
    import numpy as np
    import torch

    def jitter(inputs, amount=1.0):
        assert inputs.ndim > 1
        shift = torch.rand(len(inputs), *[1] * (inputs.ndim - 1)) + random.random() + np.random.rand()
        return inputs + amount * shift

    def drop(inputs):
        return inputs[1:]

    def array(inputs):
        return inputs.numpy()

    class Gain:
        def __init__(self, factor: float, classes: int):
            self.factor, self.classes = factor, classes

        def __call__(self, inputs):
            return inputs * self.factor + self.classes
    """
    (tmp_path / "own_augmentations.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_augmentations", raising=False)
    return tmp_path


def test_every_name_is_tried_here() -> None:
    of_sounds = {"gain", "noise", "polarity", "spec_augment", "time_shift"}  # in test_augment_sound.py
    assert {*STEPS, *of_sounds, "token_dropout"} == set(AUGMENT.names)


def test_an_empty_pipeline_gives_back_the_batch() -> None:
    given = batch([1, 2])
    assert build()(given, 1, 1) is given


@pytest.mark.parametrize("name", sorted(STEPS))
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_shapes_and_dtypes_are_kept(name: str, channels: int) -> None:
    for rows in ([4], [1, 7, 3, 9]):
        given = batch(rows, channels)
        result = run(ours(name), given, 1, 2)
        assert result.inputs.shape == given.inputs.shape
        assert result.inputs.dtype == torch.float32
        assert torch.isfinite(result.inputs).all()
        assert torch.equal(result.samples, given.samples)
        assert len(result.targets) == len(rows)


@pytest.mark.parametrize("name", UNMIXED)
def test_a_samples_result_does_not_depend_on_its_batch(name: str) -> None:
    """Only rounding may differ: kernels sum in an order that depends on the size."""
    rows = [11, 2, 5, 30, 8, 19, 23]
    together = run(ours(name), batch(rows), 1, 2).inputs
    backwards = run(ours(name), batch(rows[::-1]), 1, 2).inputs
    torch.testing.assert_close(backwards.flip(0), together, atol=1e-5, rtol=0)
    for place in (0, 3):
        alone = run(ours(name), batch([rows[place]]), 1, 2).inputs
        torch.testing.assert_close(alone[0], together[place], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_the_key_decides_everything(name: str) -> None:
    given, augment = batch(list(range(20))), ours(name)
    result = run(augment, given, 1, 2)
    torch.manual_seed(99)
    again = run(augment, given, 1, 2)
    assert torch.equal(result.inputs, again.inputs)
    assert torch.equal(result.targets, again.targets)
    assert not torch.equal(run(augment, given, 1, 3).inputs, result.inputs)
    assert not torch.equal(run(augment, given, 2, 2).inputs, result.inputs)


@pytest.mark.parametrize("name", UNMIXED)
def test_samples_get_parameters_of_their_own(name: str) -> None:
    results = run(ours(name), batch(list(range(30)), alike=True), 1, 2).inputs
    kinds = {result.numpy().tobytes() for result in results}
    assert len(kinds) == 2 if name.endswith("flip") else len(kinds) > 20


@pytest.mark.parametrize("name", sorted(STEPS))
def test_no_global_generator_is_touched(name: str) -> None:
    state = torch.get_rng_state()
    run(ours(name), batch([1, 2, 3]), 1, 2)
    assert torch.equal(torch.get_rng_state(), state)


def as_bytes(given: Batch, channels_last: bool = False) -> Batch:
    inputs = (given.inputs * 255).round().to(torch.uint8)
    return replace(given, inputs=inputs.to(memory_format=torch.channels_last) if channels_last else inputs)


def large(rows: list[int]) -> Batch:
    inputs = torch.rand(len(rows), 3, 110, 130, generator=torch.Generator().manual_seed(1))
    return Batch(inputs, torch.tensor(rows) % 3, torch.tensor(rows))


@pytest.mark.parametrize("name", sorted(set(STEPS) - {"random_resized_crop"}))
@pytest.mark.parametrize("make", [batch, large])
@pytest.mark.parametrize("channels_last", [False, True])
def test_bytes_come_to_the_same_numbers(name: str, make: Any, channels_last: bool) -> None:
    given = as_bytes(make([11, 2, 5, 30, 8]), channels_last)
    expected = run(ours(name), replace(given, inputs=to_float(given.inputs)))
    found = run(ours(name), given)
    assert torch.equal(to_float(found.inputs), expected.inputs)
    assert torch.equal(found.targets, expected.targets)


def test_bytes_stay_bytes_up_to_the_first_step_that_needs_numbers() -> None:
    steps: list[Any] = [
        "horizontal_flip",
        {"name": "random_crop", "padding": 2},
        "erasing",
        "cutmix",
        "vertical_flip",
    ]
    given = as_bytes(batch([11, 2, 5]))
    assert run(build(*steps), given).inputs.dtype == torch.uint8
    expected = run(build(*steps, "brightness_contrast"), replace(given, inputs=to_float(given.inputs)))
    found = run(build(*steps, "brightness_contrast"), given)
    assert found.inputs.dtype == torch.float32
    assert torch.equal(found.inputs, expected.inputs)
    assert run(build({"name": "erasing", "value": 0.3}), given).inputs.dtype == torch.float32
    assert run(build({"name": "random_crop", "padding": 1, "fill": 1.0}), given).inputs.dtype == torch.uint8


@pytest.mark.parametrize("name", sorted(STEPS))
def test_large_images_come_to_the_same_in_any_number_of_threads(name: str) -> None:
    given, threads = large(list(range(7))), torch.get_num_threads()
    results = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            results.append(run(ours(name), given).inputs)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(results[0], results[2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_large_images_come_to_what_small_ones_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = large([4, 8, 15, 16])
    one_by_one = run(ours(name), given)
    monkeypatch.setattr("epochal.data.cores._LARGE", 1 << 40)
    together = run(ours(name), given)
    torch.testing.assert_close(one_by_one.inputs, together.inputs, atol=2e-5, rtol=0)
    torch.testing.assert_close(one_by_one.targets, together.targets)


def test_neighbouring_motions_are_one_resampling_with_the_draws_of_each() -> None:
    flip, noise = "horizontal_flip", {"name": "gaussian_noise", "std": 1e-6}
    turn, shift = {"name": "rotation", "degrees": 20}, {"name": "translation", "fraction": 0.2}
    given = replace(batch([5, 6, 7]), inputs=smooth(3))
    composed = run(build(flip, turn, shift), given).inputs
    draws = Draws(1, 1, given.samples)
    flipped = HorizontalFlip()(replace(given, inputs=given.inputs.clone()), draws.of(1)).inputs
    maps = Rotation(20).maps(flipped, draws.of(2)), Translation(0.2).maps(flipped, draws.of(3))
    assert torch.equal(composed, move_(flipped.clone(), compose(*maps), 0.0))
    # in two resamplings, what stays in view is nearly the same
    apart = run(build(flip, turn, noise, shift), given).inputs
    assert not torch.equal(apart, composed)
    expected = move_(move_(flipped.clone(), maps[0], 0.0), maps[1], 0.0)
    inside = (expected > 0) & (move_(move_(torch.ones_like(flipped), maps[0], 0.0), maps[1], 0.0) > 0.999)
    assert float(inside.float().mean()) > 0.3
    torch.testing.assert_close(composed[inside], expected[inside], atol=0.02, rtol=0)


def test_motions_of_different_fills_stay_apart() -> None:
    given = batch([5, 6, 7])
    turn, shift = {"name": "rotation", "degrees": 20}, {"name": "translation", "fraction": 0.2, "fill": 0.5}
    draws = Draws(1, 1, given.samples)
    turned = Rotation(20)(replace(given, inputs=given.inputs.clone()), draws.of(1))
    expected = Translation(0.2, fill=0.5)(turned, draws.of(2)).inputs
    assert torch.equal(run(build(turn, shift), given).inputs, expected)


def smooth(count: int) -> Tensor:
    """Images that interpolation does not blur: each channel rises along a direction."""
    y, x = torch.meshgrid(torch.linspace(0.2, 0.5, 41), torch.linspace(0.1, 0.4, 61), indexing="ij")
    return torch.stack([x + y, 1 - x - y, x - y + 0.5]).expand(count, 3, 41, 61).contiguous()


def test_two_steps_alike_draw_apart() -> None:
    given = batch(list(range(64)))
    twice = run(build("horizontal_flip", "horizontal_flip"), given, 1, 1).inputs
    unchanged = (twice == given.inputs).flatten(1).all(1).double().mean()
    assert 0.25 < float(unchanged) < 0.75


def test_steps_run_in_their_order() -> None:
    given = batch([1, 2])
    bright = {"name": "brightness", "amount": 0.5}
    result = run(build(bright, {"name": "random_crop", "size": 4}), given, 1, 1)
    expected = build({"name": "zoom", "low": 1, "high": 1}, {"name": "random_crop", "size": 4})(
        run(build(bright), given, 1, 1), 1, 1
    )
    torch.testing.assert_close(result.inputs, expected.inputs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [*sorted(set(STEPS) - {"gaussian_noise", "mixup"}), "ColorJitter"])
@pytest.mark.parametrize("kind", ["vector", "tensor"])
def test_images_augmentations_on_other_inputs_are_refused(name: str, kind: Any) -> None:
    with pytest.raises(
        DataError, match=f"{name} is for images; the inputs are of kind '{kind}'; leave it out"
    ):
        build({"name": name, **STEPS.get(name, {})}, kind=kind)


def test_vectors_can_be_mixed_and_get_noise() -> None:
    given = Batch(torch.rand(5, 7), torch.arange(5) % 3, torch.arange(5))
    result = run(build("gaussian_noise", "mixup", kind="vector"), given, 1, 1)
    assert result.inputs.shape == (5, 7)
    assert result.targets.shape == (5, 3)


def test_classes_are_filled_in() -> None:
    assert SUPPLIED == ("classes", "unknown")
    with pytest.raises(ConfigError, match="'classes' of mixup is filled in by epochal"):
        build({"name": "mixup", "classes": 3})
    values = Batch(batch([1, 2]).inputs, torch.tensor([[1.0], [3.0]]), torch.arange(2))
    assert build("mixup", classes=None)(values, 1, 1).targets.shape == (2, 1)


def test_mistakes_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build({"name": "rotation", "degree": 4}, {"name": "horizontal_flip", "p": 50})
    text = str(caught.value)
    assert "rotation takes no 'degree'; did you mean 'degrees'?" in text
    assert "p of horizontal_flip can't be 50" in text


def test_check_step_names_the_argument() -> None:
    [(argument, problem)] = check_step(Component.model_validate({"name": "rotation", "degrees": "much"}))
    assert argument == "degrees"
    assert "can't be 'much'" in str(problem)
    assert check_step(Component.model_validate({"name": "random_crop", "size": [4, 5]})) == []


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="no augmentation is called 'rotate'; did you mean 'rotation'"):
        build("rotate")


def test_torchvision_draws_once_a_sample_and_only_by_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="epochal"):
        augment = build({"name": "ColorJitter", "brightness": 0.5}, "RandomHorizontalFlip")
    assert [record.getMessage().split()[1] for record in caplog.records] == [
        "ColorJitter",
        "RandomHorizontalFlip",
    ]
    rows = [3, 1, 4, 15, 9, 2]
    state = torch.get_rng_state()
    together = run(augment, batch(rows, alike=True), 1, 1).inputs
    assert torch.equal(torch.get_rng_state(), state)
    assert len({result.numpy().tobytes() for result in together}) == len(rows)
    alone = run(augment, batch([15], alike=True), 1, 1).inputs[0]
    assert torch.equal(alone, together[3])
    assert not torch.equal(run(augment, batch(rows, alike=True), 1, 2).inputs, together)


def test_torchvision_may_change_the_size_but_not_vary_it() -> None:
    assert run(build({"name": "RandomCrop", "size": 5}), batch([1, 2]), 1, 1).inputs.shape == (2, 3, 5, 5)
    with pytest.raises(DataError, match="RandomResize returned images of different shapes"):
        run(build({"name": "RandomResize", "min_size": 5, "max_size": 50}), batch(list(range(9))), 1, 1)
    with pytest.raises(DataError, match="FiveCrop returned a tuple"):
        run(build({"name": "FiveCrop", "size": 5}), batch([1]), 1, 1)


@pytest.mark.parametrize(("theirs", "our_name"), [("MixUp", "mixup"), ("CutMix", "cutmix")])
def test_torchvisions_mixing_points_to_ours(theirs: str, our_name: str) -> None:
    with pytest.raises(ConfigError, match=f"use '{our_name}'"):
        build(theirs)


def test_a_users_callable_gets_the_whole_batch_under_its_key(project: Path) -> None:
    augment = build({"name": "own_augmentations:jitter", "amount": 2.0})
    states = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
    given = batch([5, 6, 7])
    result = run(augment, given, 1, 1).inputs
    assert (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()) == states
    shifts: Tensor = (result - given.inputs).flatten(1)
    torch.testing.assert_close(shifts, shifts[:, :1].expand_as(shifts), atol=1e-5, rtol=0)
    assert len({round(float(shift), 4) for shift in shifts[:, 0]}) == 3
    torch.manual_seed(4)
    assert torch.equal(run(augment, given, 1, 1).inputs, result)
    assert not torch.equal(run(augment, given, 1, 2).inputs, result)
    assert not torch.equal(run(augment, batch([9, 6, 7]), 1, 1).inputs[1], result[1])


def test_a_users_class_is_told_the_number_of_classes(project: Path) -> None:
    given = batch([5, 6])
    result = run(build({"name": "own_augmentations:Gain", "factor": 0.5}), given, 1, 1).inputs
    torch.testing.assert_close(result, given.inputs * 0.5 + 3)


def test_a_users_callable_takes_vectors(project: Path) -> None:
    given = Batch(torch.rand(5, 7), torch.arange(5) % 3, torch.arange(5))
    assert run(build("own_augmentations:jitter", kind="vector"), given, 1, 1).inputs.shape == (5, 7)


def test_a_users_callable_keeps_the_shape_and_returns_a_tensor(project: Path) -> None:
    with pytest.raises(DataError, match=r"drop returned shape \[1, 3, 11, 16\] for inputs \[2, 3, 11, 16\]"):
        run(build("own_augmentations:drop"), batch([1, 2]), 1, 1)
    with pytest.raises(DataError, match="array returned a ndarray; an augmentation returns a tensor"):
        run(build("own_augmentations:array"), batch([1, 2]), 1, 1)
