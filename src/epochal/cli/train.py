"""``epochal train``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from epochal.cli.arguments import refuse_mistakes, resumable_config_arguments
from epochal.cli.options import json_option, quiet_option
from epochal.cli.scores import print_scores
from epochal.errors import Interrupted

_PREEMPTED = 75  # EX_TEMPFAIL: try again later


@click.command("train")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[RUN]",
    help="Continue the newest unfinished run of this experiment, or RUN, whose config is taken where none is "
    "given; a finished RUN goes on with more training.epochs.",
)
@click.option("--again", is_flag=True, help="Train even if a finished run of this experiment exists.")
@click.option(
    "--no-preflight", is_flag=True, help="Don't take one batch through the whole life of a run first."
)
@click.option(
    "--preemptible",
    is_flag=True,
    help="Exit with 75, not 130 or 143, when a signal stopped it: to be resumed.",
)
@click.option("--profile", is_flag=True, help="Write where the time goes, and a trace, into the run folder.")
@quiet_option
@json_option
@resumable_config_arguments
def command(
    config: str | None,
    overrides: list[str],
    resume: str | None,
    again: bool,
    no_preflight: bool,
    preemptible: bool,
    profile: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model, test it, and write everything into a run folder.

    CONFIG is a YAML file or a bundled recipe's name; overrides are dotted.key=value.
    """
    if resume is not None and "=" in resume:  # `--resume optimizer.lr=1e-3`: no run, but the first override
        overrides, resume = [resume, *overrides], ""
    if config is None and resume and Path(resume).is_file():  # `--resume configs/skin.yaml`
        config, resume = resume, ""
    if config is None and not resume:
        raise click.UsageError("Missing argument 'CONFIG'; only `--resume RUN` needs none")
    if config is not None:
        refuse_mistakes(config, overrides)
    if profile:
        os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # torch's profiler talks; read when torch is loaded
    from epochal.verbs.train import train  # torch loads here, after the arguments are parsed

    try:
        run = train(
            config,
            *overrides,
            resume=resume if resume else resume is not None,
            again=again,
            preflight=not no_preflight,
            profile=profile,
            quiet=quiet,
        )
    except Interrupted as interrupted:
        raise SystemExit(_PREEMPTED if preemptible else interrupted.exit_code) from None
    if os.environ.get("RANK", "0") != "0":  # of several processes under torchrun, one speaks
        return
    if as_json:
        click.echo(json.dumps({"run": str(run.path), "status": run.status, "metrics": run.metrics}))
        return
    print_scores(run)
    click.echo(f"run folder: {run.path}")
