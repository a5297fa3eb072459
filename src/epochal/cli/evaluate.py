"""``epochal evaluate``."""

from __future__ import annotations

import json

import click

from epochal.cli.options import device_option, json_option, quiet_option, runs_option


@click.command("evaluate")
@click.argument("run")
@click.option(
    "--split",
    default="test",
    show_default=True,
    metavar="NAME",
    help="The split to score: train, val or test.",
)
@click.option(
    "--data", metavar="PATH", help="Score other data with targets instead: a folder, table or array file."
)
@runs_option
@device_option
@quiet_option
@json_option
def command(
    run: str, split: str, data: str | None, runs: str, device: str, quiet: bool, as_json: bool
) -> None:
    """Score the best weights of RUN and write scores, predictions, curves and plots.

    RUN is a run folder, its id, an experiment's name (its newest run) or `latest`.
    """
    from epochal.verbs.evaluate import evaluate  # torch loads here, after the arguments are parsed

    result = evaluate(run, split, data=data, runs=runs, device=device, quiet=quiet)
    if as_json:
        content = {"run": str(result.run.path), "data": result.label, "overall": result.metrics}
        click.echo(json.dumps({**content, "per_class": result.per_class}))
        return
    click.echo(f"{result.label}: {len(result.predictions)} samples")
    width = max(len(name) for name in result.metrics)
    for name, value in result.metrics.items():
        click.echo(f"{name:{width}}  {value:9.4f}")
    folder = result.run.folder
    click.echo(f"written to {folder.scores(result.label)} and {folder.predictions(result.label)}")
