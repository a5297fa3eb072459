from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from epochal.data.sources.spoken_prompts import spoken_prompts
from epochal.errors import DataError

VOICES = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")


def lay_out(root: Path, voice: str) -> None:
    """As the packages lay them out, a few files of each kind."""
    noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    for name, seconds in (("digits/1", 1.0), ("letters/at", 0.6), ("at", 0.7), ("beep", 1.0), ("is", 0.0)):
        path = root / voice / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise[: round(seconds * 8000)], 8000)
    for name in ("silence/1", "dialtone", "menu"):
        path = root / voice / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.resize(noise, 8000 * (13 if name == "menu" else 1)), 8000)


def test_prompts_are_of_their_language_and_grouped_by_what_they_say(tmp_path: Path) -> None:
    for voice in VOICES:
        lay_out(tmp_path, voice)
    source = spoken_prompts(root=tmp_path, target_kind="class")
    manifest = source.manifest
    assert manifest.names == ("English", "French", "Italian", "Russian", "Spanish")
    assert len(manifest) == 15
    assert manifest.filenames.to_list()[:3] == [
        f"{VOICES[0]}/{name}.wav" for name in ("at", "digits/1", "letters/at")
    ]
    assert manifest.groups is not None
    assert manifest.groups.to_list()[:3] == ["at", "1", "at"]
    assert np.bincount(manifest.targets).tolist() == [3] * 5
    assert source.read(1).shape == (1, 8000)


def test_what_is_missing_is_named_as_a_package(tmp_path: Path) -> None:
    lay_out(tmp_path, VOICES[0])
    with pytest.raises(DataError, match=r"apt-get install asterisk-core-sounds-es-wav asterisk-.*-ru-wav$"):
        spoken_prompts(root=tmp_path, target_kind="class")
