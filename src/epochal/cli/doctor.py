"""``epochal doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from epochal.cli.options import json_option

_MARKS = {"ok": ("ok", "green"), "note": ("--", "yellow"), "problem": ("!!", "red")}


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Say what this installation and machine can do, and what stands in the way."""
    from epochal.verbs.doctor import doctor

    findings = doctor()
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark, color = _MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=color)}  {finding.subject:{width}}  {finding.text}")
        click.echo(f"\n{problems} problem{'s' * (problems != 1)}" if problems else "\nready")
    if problems:
        raise SystemExit(1)
