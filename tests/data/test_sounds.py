from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import tone, two_tones, write

from epochal.config.component import Component
from epochal.data.images import ImageFiles
from epochal.data.sounds import SoundFiles, read_sound, resampled
from epochal.data.sources import build_source
from epochal.errors import DataError


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "PCM_32", 2**-23),  # what float32 holds of it
        ("a.wav", "FLOAT", 2**-23),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
    ],
)
def test_what_was_written_is_read_to_the_last_bit(
    name: str, subtype: str, step: float, tmp_path: Path
) -> None:
    values = tone(440)
    write(tmp_path / name, values, subtype=subtype)
    found = read_sound(tmp_path / name)
    assert found.dtype == np.float32
    assert found.shape == (1, 4000)
    np.testing.assert_allclose(found[0], values, rtol=0, atol=1.01 * step)


def test_whole_numbers_are_scaled_to_one(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.array([[-32768, 16384], [32767, 0]], "<i2").tobytes())
    found = read_sound(tmp_path / "a.wav")
    np.testing.assert_array_equal(found, np.array([[-1, 32767 / 32768], [0.5, 0]], np.float32))
    mixed = read_sound(tmp_path / "a.wav", channels=1)
    np.testing.assert_array_equal(mixed, found.mean(axis=0, keepdims=True))


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3"])
def test_lossy_files_are_nearly_the_same(name: str, tmp_path: Path) -> None:
    values = tone(440, seconds=1, rate=16000)
    write(tmp_path / name, values, 16000)
    found = read_sound(tmp_path / name)[0]
    spectrum = np.abs(np.fft.rfft(found))
    assert np.argmax(spectrum) * 16000 / len(found) == pytest.approx(440, abs=2)
    assert np.abs(found).max() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("rate", "to"), [(44100, 16000), (8000, 16000), (22050, 8000)])
def test_a_sine_stays_one_at_another_rate(rate: int, to: int) -> None:
    high = 0.49 * max(rate, to)  # above what the lower rate can hold, where it is lower
    time, new_time = np.arange(rate) / rate, np.arange(to) / to
    values = np.sin(2 * np.pi * 1000 * time) + (np.sin(2 * np.pi * high * time) if rate > to else 0)
    found = resampled(values[None].astype(np.float32), rate, to)
    assert found.shape == (1, to)
    assert found.dtype == np.float32
    middle = slice(to // 10, -to // 10)
    np.testing.assert_allclose(found[0][middle], np.sin(2 * np.pi * 1000 * new_time)[middle], atol=0.01)


def test_broken_files_are_named(tmp_path: Path) -> None:
    write(tmp_path / "whole.wav", tone(440))
    data = (tmp_path / "whole.wav").read_bytes()
    write(tmp_path / "nan.wav", np.array([0.1, np.nan]), subtype="FLOAT")
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    (tmp_path / "none.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("no sound at all")
    soundfile.write(tmp_path / "silent.wav", np.zeros((0, 1)), 8000)
    for name, message in (
        ("cut.wav", "cut off"),
        ("none.wav", "the file is empty"),
        ("text.wav", "the sound can't be read"),
        ("silent.wav", "holds no sound"),
        ("nan.wav", "NaN or infinite"),
        ("gone.wav", "no such file"),
    ):
        with pytest.raises(DataError, match=rf"{name}: .*{message}"):
            read_sound(tmp_path / name)
    piped = bytearray(data)
    piped[40:44] = b"\xff" * 4  # what a program that writes into a pipe leaves as the size
    (tmp_path / "piped.wav").write_bytes(piped)
    assert read_sound(tmp_path / "piped.wav").shape == (1, 4000)


def test_a_cut_flac_is_not_read_as_a_shorter_one(tmp_path: Path) -> None:
    write(tmp_path / "a.flac", tone(440, seconds=4))
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"a\.flac"):
        read_sound(tmp_path / "a.flac")


def test_a_folder_of_sounds_is_one_of_classes_and_splits(tmp_path: Path) -> None:
    two_tones(tmp_path / "train", each=2)
    two_tones(tmp_path / "test", each=1)
    (tmp_path / "train" / "high" / "cover.png").write_bytes(b"")
    source = build_source(Component(name="folder", root=str(tmp_path)), "class")
    assert source.kind == "series"
    assert isinstance(source.read, SoundFiles)
    assert source.manifest.names == ("high", "low")
    assert source.manifest.splits is not None
    assert source.manifest.splits.to_list() == ["test"] * 2 + ["train"] * 4
    assert source.manifest.filenames.to_list()[2] == "train/high/00.wav"
    assert source.read(0).shape[0] == 1


def test_a_table_names_sounds_or_images_and_not_both(tmp_path: Path) -> None:
    two_tones(tmp_path, each=2)
    path = tmp_path / "labels.csv"
    path.write_text("clip,loudness\nhigh/00.wav,1\nlow/01.wav,2\n")
    component = Component.model_validate(
        {"name": "table", "path": str(path), "file": "clip", "target": "loudness"}
    )
    source = build_source(component, "value")
    assert source.kind == "series"
    assert not isinstance(source.read, ImageFiles)
    np.testing.assert_array_equal(source.read(1), read_sound(tmp_path / "low" / "01.wav"))
    path.write_text("clip,loudness\nhigh/00.wav,1\nlow/01.wav,2\nlow/01.png,2\n")
    (tmp_path / "low" / "01.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"labels.csv:4: 'low/01.png' is no sound by its ending"):
        build_source(component, "value")
