from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from epochal.config.component import Component
from epochal.data.augment import Augment, build_augment
from epochal.data.augment.sound import Gain, Noise, Polarity, SpecAugment, TimeShift
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.errors import ConfigError, DataError

WAVES = torch.randn(200, 1, 400, generator=torch.Generator().manual_seed(0))


def given(inputs: torch.Tensor, first: int = 0) -> Batch:
    return Batch(inputs, torch.zeros(len(inputs)), torch.arange(first, first + len(inputs)))


def apply(step: Any, batch: Batch) -> torch.Tensor:
    copy = replace(batch, inputs=batch.inputs.clone())
    return step(copy, Draws(3, 1, batch.samples, stream=1)).inputs  # type: ignore[no-any-return]


def pipeline(*steps: str | dict[str, Any]) -> Augment:
    return build_augment([Component.model_validate(step) for step in steps], "series", 2)


def test_gain_changes_the_level_by_as_many_decibels() -> None:
    found = apply(Gain(db=6), given(WAVES)) / WAVES
    assert torch.allclose(found, found[:, :, :1].expand_as(found), rtol=1e-4)
    db = 20 * found[:, 0, 0].log10()
    assert -6 <= float(db.min()) < -5
    assert 5 < float(db.max()) <= 6


def test_a_shift_leaves_silence_behind() -> None:
    found = apply(TimeShift(share=0.1), given(WAVES))
    shifts = set()
    for before, after in zip(WAVES[:, 0], found[:, 0], strict=True):
        shift = next(
            shift
            for shift in range(-40, 41)
            if torch.equal(
                after[max(0, shift) : 400 + min(0, shift)], before[max(0, -shift) : 400 - max(0, shift)]
            )
        )
        outside = after[:shift] if shift > 0 else after[400 + shift :]
        assert (outside == 0).all()
        shifts.add(shift)
    assert min(shifts) < -30
    assert max(shifts) > 30


def test_noise_has_the_power_that_was_asked_for() -> None:
    loud = WAVES * torch.linspace(0.01, 2, 200)[:, None, None]
    noise = apply(Noise(snr_db=10), given(loud)) - loud
    snr = 10 * (loud.square().mean((1, 2)) / noise.square().mean((1, 2))).log10()
    assert float((snr - 10).abs().max()) < 1.5
    assert float(snr.mean()) == pytest.approx(10, abs=0.2)
    some = apply(Noise(snr_db=(0, 20), p=0.5), given(WAVES)) != WAVES
    assert float(some.any(2).double().mean()) == pytest.approx(0.5, abs=0.1)
    assert torch.equal(apply(Noise(), given(torch.zeros(2, 1, 9))), torch.zeros(2, 1, 9))


def test_polarity_turns_about_half() -> None:
    found = apply(Polarity(), given(WAVES))
    turned = (found == -WAVES).all(2)
    assert ((found == WAVES).all(2) | turned).all()
    assert float(turned.double().mean()) == pytest.approx(0.5, abs=0.12)


def test_masks_cover_whole_bands_and_frames_with_the_mean() -> None:
    spectra = torch.rand(300, 1, 40, 60) + 1
    found = apply(SpecAugment(time=10, frequency=6, masks=2), given(spectra))
    masked = found[:, 0] == 0
    assert torch.equal(found[:, 0][~masked], spectra[:, 0][~masked])
    bands, frames = masked.all(2), masked.all(1)
    assert torch.equal(masked, bands[:, :, None] | frames[:, None, :])
    assert int(bands.sum(1).max()) in (10, 11, 12)
    assert int(frames.sum(1).max()) in (17, 18, 19, 20)
    assert bands.any(0).all()
    assert frames.any(0).all()


def test_draws_are_of_the_sample_whatever_the_batch() -> None:
    augment = pipeline("gain", "time_shift", "noise", "polarity", "spec_augment")
    whole = augment(given(WAVES[:64].clone()), 1, 2).inputs
    parts = [
        augment(given(WAVES[first : first + 16].clone(), first), 1, 2).inputs for first in (0, 16, 32, 48)
    ]
    assert torch.equal(whole, torch.cat(parts))
    spectra = torch.rand(8, 1, 20, 30)
    masked = augment(given(spectra.clone()), 1, 2, normalized=True).inputs
    single = augment(given(spectra[5:6].clone(), 5), 1, 2, normalized=True).inputs
    assert torch.equal(masked[5:6], single)
    assert not torch.equal(masked, augment(given(spectra.clone()), 1, 3, normalized=True).inputs)


def test_what_is_for_spectra_waits_until_they_are_normalised() -> None:
    augment = pipeline("spec_augment")
    assert torch.equal(augment(given(WAVES.clone()), 1, 1).inputs, WAVES)
    with pytest.raises(DataError, match="spec_augment is for spectrograms"):
        augment(given(WAVES.clone()), 1, 1, normalized=True)


def test_sounds_are_not_rotated_and_pictures_not_made_louder() -> None:
    with pytest.raises(
        DataError, match=r"rotation is for images; the inputs are of kind 'series'; .* gain, "
    ):
        pipeline({"name": "rotation", "degrees": 5})
    with pytest.raises(DataError, match="gain is for sounds and series; the inputs are of kind 'image'"):
        build_augment([Component(name="gain")], "image", 2)
    with pytest.raises(ConfigError, match="time of spec_augment can't be -1"):
        pipeline({"name": "spec_augment", "time": -1})
