"""``epochal evaluate``."""

from __future__ import annotations

import json

import click

from epochal.cli.options import device_option, json_option, quiet_option, runs_option
from epochal.cli.scores import print_scores


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
@click.option(
    "--calibrate",
    is_flag=True,
    help="First fit a temperature on validation, which predict and evaluate then use.",
)
@click.option(
    "--sort-by-loss", is_flag=True, help="Also write predictions/NAME_by_loss.csv, the worst sample first."
)
@runs_option
@device_option
@quiet_option
@json_option
def command(
    run: str,
    split: str,
    data: str | None,
    calibrate: bool,
    sort_by_loss: bool,
    runs: str,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score the best weights of RUN and write scores, predictions, curves and plots.

    RUN is a run folder, its id, an experiment's name (its newest run) or `latest`.
    """
    from epochal.verbs.evaluate import evaluate  # torch loads here, after the arguments are parsed

    result = evaluate(
        run,
        split,
        data=data,
        runs=runs,
        device=device,
        calibrate=calibrate,
        sort_by_loss=sort_by_loss,
        quiet=quiet,
    )
    if as_json:
        click.echo(json.dumps({"run": str(result.run.path), "data": result.label, **result.details}))
        return
    click.echo(f"{result.label}: {len(result.predictions)} samples")
    print_scores(result.run, (result.label,))
    folder = result.run.folder
    click.echo(f"written to {folder.scores(result.label)} and {folder.predictions(result.label)}")
