"""The command as a process: quick to answer, loading only what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from shell import Shell


def _modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {line.partition(".")[0] for line in done.stdout.splitlines()}


def test_help_and_import_load_no_torch(tmp_path: Path) -> None:
    heavy = {"torch", "numpy", "polars", "pydantic", "sklearn", "matplotlib", "rich", "ruamel"}
    assert not heavy & _modules_after("import epochal")
    run = "from epochal.cli.errors import run_command\nfrom epochal.cli.group import epochal\n"
    calls = "\n".join(
        f"try: run_command(epochal, {arguments})\nexcept SystemExit: pass"
        for arguments in (["--help"], ["train", "--help"], ["predict", "--help"], ["--version"])
    )
    assert not heavy & _modules_after(run + calls)


def test_python_m_epochal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "epochal"]
    shell = Shell(tmp_path)
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout == shell.run("--help").stdout
    wrong = subprocess.run([*command, "trian"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2


def test_recipes_are_listed_with_what_they_are(tmp_path: Path) -> None:
    listed = Shell(tmp_path).run("config", "recipes").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [
        "autoencoder",
        "breast_cancer",
        "diabetes",
        "digits",
        "fashion_mnist",
        "films",
        "fusion",
        "gan",
        "gan_fashion",
        "glucose",
        "linear",
        "motions",
        "movie_reviews",
        "spoken_prompts",
        "tissue",
        "titanic",
        "transfer",
    ]
    assert all(len(line) > 40 for line in listed)


def test_an_empty_folder_of_runs_and_a_recipe_in_json(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert "no runs in runs/; `epochal train digits` makes one" in shell.run("runs").stderr
    assert json.loads(shell.run("runs", "--json").stdout) == []
    described = json.loads(shell.run("inspect", "linear", "--json", "-q").stdout)
    assert described["samples"] == 1000
    assert described["splits"]["train"]["samples"] == 700
    assert not (tmp_path / "runs").exists()
