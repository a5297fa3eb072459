from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import tone, two_tones, write

from epochal.console import Console
from epochal.data.check.findings import Finding
from epochal.errors import DataError, RequestError
from epochal.experiment.config import read_experiment
from epochal.experiment.data import Data, assemble_data

PREPARE = [{"name": "fixed_length", "seconds": 0.5}]


def assembled(root: Path, prepare: list[object] | None = None, **data: object) -> Data:
    config, _ = read_experiment(
        {
            "name": "tones",
            "data": {
                "source": {"name": "folder", "root": str(root)},
                "prepare": PREPARE if prepare is None else prepare,
                **data,
            },
            "paths": {"cache": str(root.parent / "cache")},
        },
        (),
    )
    return assemble_data(config, Console(quiet=True), judge=False)


def found_in(data: Data) -> dict[str, Finding]:
    return {finding.kind: finding for finding in data.findings}


def test_faults_and_oddities_are_found_and_told_apart(tmp_path: Path) -> None:
    root = two_tones(tmp_path / "tones")
    high = root / "high"
    whole = (high / "00.wav").read_bytes()
    (high / "empty.wav").write_bytes(b"")
    (high / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (high / "text.flac").write_text("no sound")
    soundfile.write(high / "header.wav", np.zeros((0, 1)), 8000)
    write(high / "still.wav", np.zeros(4000))
    write(high / "loud.wav", np.clip(4 * tone(1500), -1, 1))
    write(high / "long.wav", tone(1500, seconds=9))
    write(high / "both.wav", np.stack([tone(1500), tone(1500, seed=1)], axis=1))
    (high / "named.wav").write_bytes(b"")
    write(high / "named.flac", tone(1510))
    (high / "named.flac").replace(high / "named.wav")
    data = assembled(root)
    found = found_in(data)
    assert {
        kind: set(finding.filenames) for kind, finding in found.items() if finding.severity == "error"
    } == {
        "empty_file": {"high/empty.wav"},
        "truncated_file": {"high/cut.wav"},
        "unreadable_file": {"high/text.flac"},
        "no_sound": {"high/header.wav"},
    }
    assert {
        kind: set(finding.filenames) for kind, finding in found.items() if finding.severity == "warning"
    } == {
        "silent": {"high/still.wav"},
        "clipped": {"high/loud.wav"},
        "odd_duration": {"high/long.wav"},
        "other_channels": {"high/both.wav"},
        "other_type": {"high/named.wav"},
    }
    assert data.samples.shape == (1, 4000)
    assert len(data.source.manifest) == 40 + 5
    training = data.inspection()["splits"]["train"]
    assert training["rates"] == {"8000": training["samples"]}
    assert 0.3 <= training["seconds"][0] <= training["seconds"][1] <= 0.6


def test_the_same_sound_in_two_splits_is_a_leak_whatever_its_format(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        two_tones(tmp_path / "tones" / split, each=2)
        for path in (tmp_path / "tones" / split).rglob("*.wav"):  # others in each split
            write(path, tone(500 + len(split) * 100 + int(path.stem), seed=len(split)))
    values, rate = soundfile.read(tmp_path / "tones" / "test" / "low" / "00.wav", dtype="int16")
    write(tmp_path / "tones" / "train" / "low" / "again.flac", values, rate)
    found = found_in(assembled(tmp_path / "tones"))
    assert "train/low/again.flac" in found["same_sound"].filenames
    assert found["same_sound"].severity == "error"


def test_files_of_several_rates_are_refused_with_counts_or_resampled(tmp_path: Path) -> None:
    root = two_tones(tmp_path / "tones")
    write(root / "low" / "other.wav", tone(400, rate=44100), 44100)
    with pytest.raises(
        DataError,
        match=r"several rates: 40 files of 8,000 a second, 1 of 44,100; "
        r"begin data.prepare with \{name: resample, rate: 8000\}",
    ):
        assembled(root)
    data = assembled(root, [{"name": "resample", "rate": 4000}, *PREPARE])
    assert data.samples.shape == (1, 2000)
    assert data.prepare.rate == 4000
    assert "other_rate" in found_in(data)


def test_without_checks_a_broken_file_is_told_at_once(tmp_path: Path) -> None:
    root = two_tones(tmp_path / "tones")
    (root / "low" / "00.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"low/00\.wav: the file is empty"):
        assembled(root, checks="off")


def test_sounds_of_other_lengths_are_told_how_to_be_made_equal(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"differs from .*fixed_length, seconds: 2"):
        assembled(two_tones(tmp_path / "tones"), [])


def test_where_soundfile_is_missing_the_extra_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = two_tones(tmp_path / "tones")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(RequestError, match=r"pip install 'epochal\[audio\]'") as caught:
        assembled(root)
    assert len(caught.value.problems) == 1
