from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.run.durable import LineFile, write_bytes, write_json, write_text

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from epochal.run.durable import write_bytes
setattr(os, sys.argv[2], lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
write_bytes(Path(sys.argv[1]), b"new" * 1000)
"""


def test_a_file_is_replaced_whole_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "test.json"
    write_json(path, {"accuracy": 0.5, "name": "Größe"})
    write_json(path, {"accuracy": 0.75, "name": "Größe"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"accuracy": 0.75, "name": "Größe"}
    assert "Größe" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in path.parent.iterdir()] == ["test.json"]


def test_json_that_other_programs_can_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "scores.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("instant", ["fsync", "replace"])
def test_a_writer_killed_before_the_rename_leaves_the_old_file(tmp_path: Path, instant: str) -> None:
    path = tmp_path / "last.safetensors"
    write_bytes(path, b"old")
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, path, instant], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    write_bytes(path, b"newer")  # what the killed one left behind is in nobody's way
    assert path.read_bytes() == b"newer"


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.safetensors"
    write_bytes(path, b"old")

    def fail(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.safetensors"]


def test_a_written_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    write_text(tmp_path / "written", "x")
    assert (tmp_path / "written").stat().st_mode == plain.stat().st_mode


def test_lines_are_in_the_file_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = LineFile(path)
    lines.append({"step": 1})
    assert path.read_text() == '{"step": 1}\n'
    lines.close()


def test_lines_after_the_checkpoint_are_cut_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = LineFile(path)
    lines.append({"step": 1})
    offset = lines.offset
    lines.append({"step": 2, "loss": 0.5})
    lines.close()
    path.write_bytes(path.read_bytes() + b'{"step": 3, "lo')  # torn by a crash

    again = LineFile(path)
    again.truncate(offset)
    again.append({"step": 2, "loss": 0.25})
    assert again.offset == path.stat().st_size
    again.flush()
    again.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 1},
        {"step": 2, "loss": 0.25},
    ]


def test_a_history_that_was_deleted_is_not_filled_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = LineFile(path)
    lines.truncate(1000)
    lines.append({"step": 7})
    lines.close()
    assert path.read_bytes() == b'{"step": 7}\n'
