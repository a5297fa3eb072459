"""A power cut between any two operations of a run: the old checkpoint or the new one, never neither."""

from __future__ import annotations

import functools
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from counted import OPERATIONS, Operations, recorded
from trainings import assert_identical, finish, is_finished, read_state, start, uncut, without_clock
from volatile import Disk, State

from epochal.engine.checkpoint import read_checkpoint, read_newest
from epochal.run import disk
from epochal.run.durable import LineFile, make_folders, move, write_text
from epochal.run.folder import RunFolder

TRAINING = "brief"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[tuple[Any, ...]]]:
    """The working folder, and all operations of a run that was killed between two names and then resumed."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    record = folder.parent / "record"
    process = start(TRAINING, folder.parent / "counted", CRASH_RECORD=str(record))
    assert process.wait() == 0
    rotated = _rotations(list(recorded(record)))[1]
    record.unlink()
    process = start(TRAINING, folder, CRASH_RECORD=str(record), CRASH_AT=str(rotated + 1))
    assert process.wait() == -signal.SIGKILL
    finish(TRAINING, folder, CRASH_RECORD=str(record))
    return str(folder), list(recorded(record))


def _rotations(found: list[tuple[Any, ...]]) -> list[int]:
    """The numbers of the operations by which ``last`` becomes ``previous``."""
    operations = [event for event in found if event[0] != "written"]
    return [
        number
        for number, (name, *rest) in enumerate(operations, start=1)
        if name == "replace" and str(rest[1]).endswith("previous.safetensors")
    ]


@dataclass(frozen=True)
class Reader:
    """Reads files that exist as bytes only, each of them once."""

    scratch: Path

    @functools.cache  # noqa: B019 (the test's lifetime)
    def newest(self, last: bytes | None, previous: bytes | None) -> tuple[bytes, dict[str, Any]]:
        """The bytes of the checkpoint that a resumed run starts from, and its counters."""
        folder = RunFolder(self.scratch)
        for path, content in ((folder.last, last), (folder.previous, previous)):
            path.unlink(missing_ok=True)
            path.parent.mkdir(exist_ok=True)
            if content is not None:
                path.write_bytes(content)
        assert read_newest(folder.last, folder.previous) is not None
        return folder.last.read_bytes(), read_state(folder.last)["counters"]

    @functools.cache  # noqa: B019
    def best_epoch(self, content: bytes) -> int:
        path = self.scratch / "best"
        path.write_bytes(content)
        return int(read_checkpoint(path)[1]["epoch"])


def check(lazy: Disk, state: State, run: RunFolder, reader: Reader) -> None:
    """What was written is there, as it was or newer, and the checkpoint counts on nothing that is not."""
    last, previous = str(run.last), str(run.previous)
    for path, count in lazy.written.items():
        if path != last:
            assert state[path] in lazy.versions[path][count - 1 :], path
    if last not in lazy.written:
        return
    content, counters = reader.newest(state.get(last), state.get(previous))
    assert content in lazy.versions[last][lazy.written[last] - 1 :]
    history = state[str(run.history)]
    assert len(history) >= counters["history"]
    lines = [without_clock(line) for line in history[: counters["history"]].decode().splitlines()]
    assert lines == [uncut(TRAINING)[f"line {number}"] for number in range(len(lines))]
    if counters["best_epoch"]:
        assert reader.best_epoch(state[str(run.best)]) >= counters["best_epoch"]


def test_what_was_written_survives_a_power_cut_anywhere(
    events: tuple[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    states, cuts = all_states(*events, tmp_path)
    assert cuts > 500
    assert len(states) > 100


def all_states(root: str, found: list[tuple[Any, ...]], scratch: Path) -> tuple[list[State], int]:
    """Every state that a power cut may leave, each once and checked; and how many operations there were."""
    lazy, reader = Disk(root), Reader(scratch)
    run = RunFolder(Path(next(event[1] for event in found if str(event[1]).endswith("config.yaml"))).parent)
    states: dict[frozenset[tuple[str, bytes]], State] = {}
    cuts = 0
    for event in found:
        lazy.follow(*event)
        cuts += event[0] != "written"
        for state in lazy.after_power_cut():
            check(lazy, state, run, reader)
            states.setdefault(frozenset(state.items()), state)
    return list(states.values()), cuts


def test_what_durable_has_done_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "record"
    root = tmp_path / "root"
    root.mkdir()
    operations = Operations(0, str(record), os.environ.get("CRASH_SKIP"))
    for name in OPERATIONS:
        monkeypatch.setattr(disk, name, getattr(disk, name))  # put back afterwards
    operations.wrap()
    made = root / "a" / "b"
    make_folders(made)
    lines = LineFile(made / "lines")  # in a folder that nothing else is written to
    lines.append({"step": 1})
    lines.flush()
    lines.close()
    write_text(root / "old", "content")
    move(root / "old", root / "new")
    operations.close()
    after = Disk(str(root))
    for event in recorded(record):
        after.follow(*event)
    expected = {str(made / "lines"): b'{"step": 1}\n', str(root / "new"): b"content"}
    assert all(state == expected for state in after.after_power_cut())


def resumed(events: tuple[str, list[tuple[Any, ...]]], tmp_path: Path, count: int) -> None:
    """Continue so many of the states to their end."""
    root, found = events
    states, _ = all_states(root, found, tmp_path)
    for number, state in enumerate(random.Random(0).sample(states, count)):
        folder = tmp_path / str(number)
        for path, content in state.items():
            place = folder / Path(path).relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        if not is_finished(folder):
            finish(TRAINING, folder)
        assert_identical(TRAINING, folder)


def test_a_run_goes_on_after_a_power_cut(events: tuple[str, list[tuple[Any, ...]]], tmp_path: Path) -> None:
    resumed(events, tmp_path, 4)


@pytest.mark.crash
def test_many_runs_go_on_after_a_power_cut(events: tuple[str, list[tuple[Any, ...]]], tmp_path: Path) -> None:
    resumed(events, tmp_path, 60)
