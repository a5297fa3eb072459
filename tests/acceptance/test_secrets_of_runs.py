"""Secrets planted wherever a run takes text from are in none of its files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from shell import Shell

PLANTED = {
    "environment": "plain-sesame-1",
    "dotenv": "plain-sesame-2",
    "shadowed": "plain-sesame-3",
    "password": "plain-sesame-4",
    "url": "plain-sesame-5",
    "github": "ghp_" + "Ab3" * 12,
    "amazon": "AKIA" + "Q7" * 8,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
}
NET = """
import logging, os
from torch import nn

KEY = "{amazon}"

class Net(nn.Module):
    def __init__(self, num_classes: int, api_key: str = "", note: str = "", fail: bool = False):
        super().__init__()
        self.line = nn.Linear(64, num_classes)
        self.fail = fail
        log = logging.getLogger("epochal")
        log.info(f"connected with {{api_key}} and {{os.environ['OWN_TOKEN']}} {{os.environ['STORE_SECRET']}}")

    def forward(self, inputs):
        if self.fail and self.training:
            raise ValueError(f"no access with {{os.environ['OWN_TOKEN']}} to s3://me:{url}@host/x")
        return self.line(inputs.flatten(1))
"""
CONFIG = """
data: {{source: digits, batch_size: 256}}
model: {{name: "net:Net", api_key: {password}, note: "{jwt}"}}
training: {{epochs: 1}}
evaluation: {{intervals: false}}
compute: {{threads: 1}}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("secrets"))
    git = ["git", "-C", str(shell.folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    shell.write("net.py", "")
    shell.write(".gitignore", "runs\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    shell.write("net.py", NET.format(**PLANTED))  # uncommitted: it is in the recorded diff
    shell.write("plain.yaml", CONFIG.format(**PLANTED))
    shell.write(".env", f"STORE_SECRET='{PLANTED['dotenv']}'\nOWN_TOKEN={PLANTED['shadowed']}\n")
    return shell


def leaks(folder: Path) -> list[str]:
    """Each file below a folder that holds something planted, and what."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    return [
        f"{path}: {what}"
        for path in files
        for what, text in PLANTED.items()
        if text.encode() in path.read_bytes()
    ]


def test_no_file_of_a_run_holds_what_was_planted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_TOKEN", PLANTED["environment"])
    done = shell.run(
        "train", "plain.yaml", f"model.note=by {PLANTED['github']} {PLANTED['shadowed']}", "--no-preflight"
    )
    run = shell.only_run("plain")
    assert leaks(run) == []
    assert not any(text in done.stderr for text in PLANTED.values())
    assert "connected with *** and *** ***" in (run / "run.log").read_text()
    assert "model.note=by *** ***" in (run / "environment.json").read_text()
    assert 'KEY = \\"***\\"' in (run / "environment.json").read_text()
    assert "note: by *** ***" in (run / "config.yaml").read_text()
    warnings = [line for line in done.stderr.splitlines() if "holds a secret" in line]
    assert [line.partition(" holds")[0] for line in warnings] == [
        "warning: plain.yaml:3: model.api_key",
        "warning: command line: model.note",
    ]
    shell.run("report", "latest")
    assert "by ***" in (run / "report.html").read_text()
    assert leaks(run) == []
    done = shell.run("train", str(run / "config.yaml"), "--again", code=2)
    assert "config.yaml:" in done.stderr
    assert "model.api_key: a secret stood here; give it anew: model.api_key=VALUE after" in done.stderr


def test_neither_has_a_run_that_fails_of_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_TOKEN", PLANTED["environment"])
    arguments = ["name=failing", "model.fail=true", f"model.note=s3://me:{PLANTED['url']}@host"]
    done = shell.run("train", "plain.yaml", *arguments, "--no-preflight", code=1)
    run = shell.only_run("failing")
    assert leaks(run) == []
    assert "no access with *** to s3://me:***@host/x" in done.stderr
    assert "no access with *** to s3://me:***@host/x" in (run / "failed.out").read_text()
    assert "Traceback" in (run / "run.log").read_text()
