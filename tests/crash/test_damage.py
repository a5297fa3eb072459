"""Checkpoints of a real run with bits flipped and ends cut off: none is taken for whole."""

from __future__ import annotations

import logging
import random
import shutil
from pathlib import Path

import pytest
from trainings import assert_identical, finish, read_state, run_in, uncut_run

from epochal.engine.checkpoint import DamagedError, read_checkpoint, read_newest
from epochal.run.folder import RunFolder

TRAINING = "brief"
_DAMAGES = 200


def damaged(content: bytes, number: int) -> bytes:
    """One bit flipped, every other time in the header; or some of the end gone, or of the start."""
    draws, spoiled = random.Random(number), bytearray(content)
    if number % 4 == 3:
        return content[: draws.randrange(len(content))]
    header = 8 + int.from_bytes(content[:8], "little")
    place = draws.randrange(header if number % 2 else len(content))
    spoiled[place] ^= 1 << draws.randrange(8)
    return bytes(spoiled)


def test_every_damage_is_found_and_the_previous_checkpoint_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = RunFolder(uncut_run(TRAINING)[0])
    content, before = whole.last.read_bytes(), read_state(whole.previous)["counters"]
    folder = RunFolder(tmp_path)
    folder.last.parent.mkdir()
    for number in range(_DAMAGES):
        folder.last.write_bytes(damaged(content, number))
        shutil.copy(whole.previous, folder.previous)
        with pytest.raises(DamagedError, match="the checkpoint can't be read"):
            read_checkpoint(folder.last)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "epochal"):
            assert read_newest(folder.last, folder.previous) is not None
        assert "last.safetensors: the checkpoint can't be read" in caplog.text
        assert "the previous checkpoint is used" in caplog.text
        assert read_state(folder.last)["counters"] == before
        assert not folder.previous.exists()


def test_a_run_with_a_damaged_checkpoint_goes_on_from_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(uncut_run(TRAINING)[0].parents[2], folder)
    run = RunFolder(run_in(folder))
    run.flag("finished").unlink()  # it was killed just before
    run.last.write_bytes(damaged(run.last.read_bytes(), 0))
    finish(TRAINING, folder)
    assert "the previous checkpoint is used" in run.log.read_text()
    assert_identical(TRAINING, folder)
