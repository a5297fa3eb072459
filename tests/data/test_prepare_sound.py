from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal.config.component import Component
from epochal.data.prepare import Prepare, build_prepare
from epochal.data.sounds import resampled
from epochal.errors import ConfigError, DataError

SOUND = np.random.default_rng(0).normal(0, 0.3, (2, 1000)).astype(np.float32)


def build(*steps: str | dict[str, Any], rate: int | None = 1000) -> Prepare:
    return build_prepare([Component.model_validate(step) for step in steps], rate)


def test_steps_know_the_rate_that_the_steps_before_them_made() -> None:
    prepare = build({"name": "resample", "rate": 500}, "mono", {"name": "fixed_length", "seconds": 0.8})
    found = prepare(SOUND)
    assert prepare.rate == 500
    assert found.shape == (1, 400)
    halved = resampled(SOUND, 1000, 500).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(found, halved[:, 50:450], atol=1e-6)


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        ("end", [1, 2, 3, 0, 0, 0, 0]),
        ("center", [0, 0, 1, 2, 3, 0, 0]),
        ("repeat", [1, 2, 3, 1, 2, 3, 1]),
    ],
)
def test_short_sounds_are_padded(pad: str, expected: list[int]) -> None:
    short = np.array([[1, 2, 3]], np.float32)
    found = build({"name": "fixed_length", "seconds": 0.007, "pad": pad})(short)
    assert found.tolist() == [expected]


@pytest.mark.parametrize(("crop", "first"), [("start", 0), ("center", 450), ("end", 900)])
def test_long_sounds_are_cropped(crop: str, first: int) -> None:
    found = build({"name": "fixed_length", "seconds": 0.1, "crop": crop})(SOUND)
    np.testing.assert_array_equal(found, SOUND[:, first : first + 100])


def test_silence_before_and_after_is_cut_and_silence_within_stays() -> None:
    sound = np.zeros((1, 1000), np.float32)
    sound[:, 300:400] = sound[:, 600:700] = 0.5
    sound += np.random.default_rng(1).normal(0, 1e-4, sound.shape).astype(np.float32)
    found = build({"name": "trim_silence", "db": 40, "window": 0.02})(sound)
    np.testing.assert_array_equal(found, sound[:, 300:700])
    nothing = np.zeros((1, 50), np.float32)
    np.testing.assert_array_equal(build("trim_silence")(nothing), nothing)


def test_a_rate_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"fixed_length must know .* give it as rate"):
        build({"name": "fixed_length", "seconds": 1}, rate=None)(SOUND)
    with pytest.raises(ConfigError, match="give it as from_rate"):
        build({"name": "resample", "rate": 100}, rate=None)(SOUND)
    given = build({"name": "resample", "rate": 100, "from_rate": 1000}, rate=None)
    assert given(SOUND).shape == (2, 100)


def test_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="mono is for sounds and series"):
        build("mono")(np.zeros((3, 8, 8), np.uint8))
