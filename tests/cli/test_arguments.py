from __future__ import annotations

from pathlib import Path

import click
import pytest

from epochal.cli.arguments import config_arguments
from epochal.cli.errors import run_command

Seen = list[tuple[str, list[str], bool, str | None]]


def _verb(seen: Seen) -> click.Command:
    @click.command("verb")
    @click.option("--again", is_flag=True)
    @click.option("-o", "--output")
    @config_arguments
    def verb(config: str, overrides: list[str], again: bool, output: str | None) -> None:
        """Do it."""
        seen.append((config, overrides, again, output))

    return verb


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["digits"], ("digits", [], False, None)),
        (["c.yaml", "a.b=1", "--again"], ("c.yaml", ["a.b=1"], True, None)),
        (["--again", "c.yaml", "--a.b", "-1", "-o", "x"], ("c.yaml", ["a.b=-1"], True, "x")),
        (["c.yaml", "--a.b=1", "--output=y", "c=-2"], ("c.yaml", ["a.b=1", "c=-2"], False, "y")),
        (["c.yaml", "--optimizer.lr", "-1e-3"], ("c.yaml", ["optimizer.lr=-1e-3"], False, None)),
    ],
)
def test_config_overrides_and_the_verbs_own_options(
    arguments: list[str], expected: tuple[str, list[str], bool, str | None]
) -> None:
    seen: Seen = []
    assert run_command(_verb(seen), arguments) == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'CONFIG'"),
        (["a.b=1", "digits"], "CONFIG comes first, before 'a.b=1'"),
        (["--a.b", "1", "digits"], "CONFIG comes first, before '--a.b'"),
        (["digits", "--agian"], "the option '--agian' is unknown; did you mean '--again'?"),
        (["digits", "word"], "'word' is no override"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: Seen = []
    assert run_command(_verb(seen), arguments) == 2
    assert words in capsys.readouterr().err
    assert not seen


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=0.1.yaml").write_text("name: x\n")
    seen: Seen = []
    assert run_command(_verb(seen), ["lr=0.1.yaml"]) == 0
    assert seen[0][0] == "lr=0.1.yaml"


def test_help_shows_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_verb([]), ["--help"]) == 0
    assert "CONFIG [DOTTED.KEY=VALUE]..." in capsys.readouterr().out
