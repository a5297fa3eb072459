from __future__ import annotations

import random
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epochal.config.component import Component
from epochal.data.prepare import PREPARE, Prepare, build_prepare, check_step
from epochal.errors import ConfigError, DataError


def build(*steps: str | dict[str, Any]) -> Prepare:
    return build_prepare([Component.model_validate(step) for step in steps])


def image(height: int = 20, width: int = 30) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (3, height, width), dtype=np.uint8)


def generator_states() -> tuple[object, ...]:
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's module ``own_steps`` in a folder of its own."""
    source = """
    import numpy as np
    import torch

    FACTOR = 2

    def invert(sample, high=255):
        return high - sample

    def overwrite(sample):
        sample.zero_()
        return sample

    def halves(sample):
        return sample.numpy() / 2

    def words(sample):
        return "no array"

    def noise(sample):
        return sample + torch.rand(())

    def unseeded(sample):
        return sample.numpy() + np.random.default_rng().random()

    class Scale:
        def __init__(self, factor: float):
            self.factor = factor

        def __call__(self, sample):
            return sample * self.factor
    """
    (tmp_path / "own_steps.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "own_steps", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", sorted(PREPARE.names))
def test_every_name_has_a_step(name: str) -> None:
    assert callable(PREPARE.resolve(name))


def test_steps_run_in_their_order_and_the_result_is_contiguous() -> None:
    prepared = build({"name": "resize", "size": [16, 24]}, {"name": "center_crop", "size": 12}, "grayscale")
    result = prepared(image())
    assert result.shape == (1, 12, 12)
    assert result.flags.c_contiguous
    assert build({"name": "center_crop", "size": 12})(image()).flags.c_contiguous


def test_no_steps_change_nothing() -> None:
    assert np.array_equal(build()(image()), image())


def test_mistakes_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build({"name": "resize", "sise": 4}, {"name": "pad", "size": 4, "value": 255})
    text = str(caught.value)
    assert "resize takes no 'sise'; did you mean 'size'?" in text
    assert "resize needs 'size'" in text
    assert "pad's value can't be 255" in text


def test_check_step_names_the_argument() -> None:
    [(argument, problem)] = check_step(Component.model_validate({"name": "resize", "size": "large"}))
    assert argument == "size"
    assert "can't be 'large'" in str(problem)


def test_an_unknown_step_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="no prepare step is called 'rezise'; did you mean 'resize'"):
        build({"name": "rezise", "size": 4})


@pytest.mark.parametrize("name", ["rotation", "RandomCrop", "ColorJitter", "AutoAugment", "GaussianNoise"])
def test_what_is_random_belongs_to_augment(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is random; move it to augment"):
        build({"name": name, "size": 4})


def test_torchvision_by_name() -> None:
    result = build({"name": "Resize", "size": [8, 9]}, {"name": "Grayscale"})(image())
    assert result.shape == (1, 8, 9)
    assert result.dtype == np.uint8
    theirs, ours = (build({"name": name, "size": [8, 9]})(image()) for name in ("Resize", "resize"))
    np.testing.assert_allclose(theirs.astype(int), ours.astype(int), atol=1)  # torch 2.6 rounds otherwise


def test_arguments_that_torchvision_refuses() -> None:
    with pytest.raises(ConfigError, match="CenterCrop can't be made of these arguments"):
        build({"name": "CenterCrop", "size": [1, 2, 3]})


def test_functions_and_classes_of_the_users(project: Path) -> None:
    sample = image()
    assert np.array_equal(build("own_steps:invert")(sample), 255 - sample)
    assert np.array_equal(
        build({"name": "own_steps:invert", "high": 300.0})(sample), 300 - sample.astype(np.float32)
    )
    scaled = build({"name": "own_steps:Scale", "factor": 0.5})(sample)
    np.testing.assert_allclose(scaled, sample * np.float32(0.5))


def test_arguments_of_the_users_functions_are_checked(project: Path) -> None:
    assert check_step(Component(name="own_steps:invert")) == []
    with pytest.raises(ConfigError, match="own_steps:invert takes no 'hi'; did you mean 'high'"):
        build({"name": "own_steps:invert", "hi": 3})
    with pytest.raises(ConfigError, match="'sample' of own_steps:invert is filled in by epochal"):
        build({"name": "own_steps:invert", "sample": 3})


def test_a_step_that_writes_into_its_input_does_not_reach_the_data(project: Path) -> None:
    sample = image()
    sample.flags.writeable = False
    assert not build("own_steps:overwrite")(sample).any()
    assert np.array_equal(sample, image())


def test_float64_of_a_users_step_becomes_float32(project: Path) -> None:
    vector = np.arange(3, dtype=np.float64)
    result = build("own_steps:halves")(vector)
    assert result.dtype == np.float32
    assert result.tolist() == [0, 0.5, 1]


def test_a_users_step_that_returns_no_array(project: Path) -> None:
    with pytest.raises(DataError, match="own_steps:words returned a str"):
        build("own_steps:words")(image())


def test_the_digest_follows_steps_arguments_and_order() -> None:
    pipelines = [
        build(),
        build("grayscale"),
        build({"name": "resize", "size": 4}),
        build({"name": "resize", "size": 5}),
        build({"name": "resize", "size": 5}, "grayscale"),
        build("grayscale", {"name": "resize", "size": 5}),
        build({"name": "Resize", "size": 5}),
    ]
    digests = [pipeline.digest() for pipeline in pipelines]
    assert len(set(digests)) == len(digests)
    assert digests == [pipeline.digest() for pipeline in pipelines]
    assert build({"name": "resize", "size": 5}).digest() == digests[3]


def test_the_digest_follows_the_users_code(project: Path) -> None:
    before = build("own_steps:invert").digest()
    assert build("own_steps:invert").digest() == before
    path = project / "own_steps.py"
    path.write_text(path.read_text().replace("FACTOR = 2", "FACTOR = 20"))
    assert build("own_steps:invert").digest() != before


@pytest.mark.parametrize("name", ["noise", "unseeded"])
def test_a_random_step_is_found_out_and_named(project: Path, name: str) -> None:
    pipeline = build("own_steps:invert", f"own_steps:{name}")
    with pytest.raises(
        DataError, match=f"own_steps:{name} is random: it gave one sample two results; move it"
    ):
        pipeline.check_repeatable(image())


def test_looking_for_randomness_leaves_no_trace(project: Path) -> None:
    before = generator_states()
    sample = image()
    build({"name": "resize", "size": 8}, "own_steps:overwrite").check_repeatable(sample)
    with pytest.raises(DataError):
        build("own_steps:noise").check_repeatable(sample)
    assert np.array_equal(sample, image())
    assert generator_states() == before


def test_nan_is_no_randomness() -> None:
    build({"name": "clip", "low": 0, "high": 1}).check_repeatable(np.array([np.nan, 2], dtype=np.float32))
