from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "pydantic", "rich", "ruamel", "polars")


def _epochal(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EPOCHAL")}
    return subprocess.run(
        [sys.executable, *flags, "-m", "epochal", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--help",), 0), (("--version",), 0), (("trian",), 2), (("train", "--help"), 0)],
)
def test_asking_what_there_is_imports_nothing_heavy(arguments: tuple[str, ...], code: int) -> None:
    done = _epochal(*arguments, flags=("-X", "importtime"))
    assert done.returncode == code
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "click" in imported
    assert not imported & set(HEAVY)


def test_help_lists_the_verbs_in_order_and_shows_how_to_begin() -> None:
    done = _epochal("--help")
    verbs = [
        line.split()[0] for line in done.stdout.partition("Verbs:")[2].splitlines() if line.startswith("  ")
    ]
    life = [
        "init",
        "inspect",
        "data",
        "train",
        "crossval",
        "sweep",
        "evaluate",
        "predict",
        "runs",
        "compare",
        "report",
    ]
    assert verbs[: len(life) + 2] == [*life, "config", "doctor"]
    assert "\n  epochal train digits\n" in done.stdout
    assert done.stdout.startswith("Usage: epochal VERB ...")


def test_every_verb_answers_help_with_its_own_words() -> None:
    import click

    from epochal.cli.group import VERBS, epochal

    context = click.Context(epochal, info_name="epochal")
    for verb in VERBS:
        command = epochal.get_command(context, verb)
        assert command is not None
        assert command.name == verb
        assert command.help


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert _epochal("--version").stdout == f"epochal {version('epochal')}\n"


def test_an_unknown_verb_names_the_nearest() -> None:
    done = _epochal("trian", "digits")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("error: there is no verb 'trian'; did you mean 'train'?\n")


def test_no_verb_shows_the_help() -> None:
    done = _epochal()
    assert done.returncode == 2
    assert "Verbs:" in done.stdout + done.stderr
    assert "error" not in done.stderr
