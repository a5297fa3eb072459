"""``epochal doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from epochal.cli.options import json_option, runs_option

_MARKS = {"ok": ("ok", "green"), "note": ("--", "yellow"), "problem": ("!!", "red")}


@click.command("doctor")
@click.argument("run", required=False)
@runs_option
@json_option
def command(run: str | None, runs: str, as_json: bool) -> int:
    """Say what this installation and machine can do, and what stands in the way.

    With RUN also what is otherwise than when it ran, and the lines that bring it back. The exit code is 1
    where something that is needed is missing.
    """
    from epochal.verbs.doctor import doctor

    findings = doctor(run, runs=runs)
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark, color = _MARKS[finding.state]
            text = f"{finding.text}; {finding.mend}" if finding.mend else finding.text
            click.echo(f"{click.style(mark, fg=color)}  {finding.subject:{width}}  {text}")
        click.echo(f"\n{problems} problem{'s' * (problems != 1)}" if problems else "\nready")
    return int(problems > 0)
