"""``epochal report``."""

from __future__ import annotations

import json

import click

from epochal.cli.options import json_option, runs_option


@click.command("report")
@click.argument("runs_to_show", metavar="RUN...", nargs=-1, required=True)
@click.option("--output", "-o", metavar="FILE", help="The file to write; else report.html in the run folder.")
@click.option("--pdf", is_flag=True, help="Print it to PDF too, through Chromium or Chrome.")
@click.option(
    "--comparison",
    metavar="FOLDER",
    help="For several runs: what `epochal compare -o` wrote; else they are compared now.",
)
@runs_option
@json_option
def command(
    runs_to_show: tuple[str, ...],
    output: str | None,
    pdf: bool,
    comparison: str | None,
    runs: str,
    as_json: bool,
) -> None:
    """Write a report of RUN, of a cross-validation, or of several runs side by side: one HTML file.

    Several runs are compared, each with the first, as `epochal compare` does.

    RUN is a run folder, its id, an experiment's name (its newest run) or `latest`.
    """
    from epochal.verbs.report import report  # torch loads here, after the arguments are parsed

    wants_pdf = pdf or (output or "").endswith(".pdf")
    written = report(*runs_to_show, output=output, comparison=comparison, runs=runs, pdf=wants_pdf)
    click.echo(json.dumps({"report": str(written)}) if as_json else str(written))
