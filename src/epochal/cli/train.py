"""``epochal train``."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from epochal.cli.arguments import config_arguments
from epochal.cli.options import json_option, quiet_option


@click.command("train")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[RUN]",
    help="Continue the newest unfinished run of this experiment, or RUN.",
)
@click.option("--again", is_flag=True, help="Train even if a finished run of this experiment exists.")
@click.option("--profile", is_flag=True, help="Write where the time goes, and a trace, into the run folder.")
@quiet_option
@json_option
@config_arguments
def command(
    config: str,
    overrides: list[str],
    resume: str | None,
    again: bool,
    profile: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model, test it, and write everything into a run folder.

    CONFIG is a YAML file or a bundled recipe's name; overrides are dotted.key=value.
    """
    if profile:
        os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # torch's profiler talks; read when torch is loaded
    from epochal.engine.interruption import Interrupted  # torch loads here, after the arguments are parsed
    from epochal.verbs.train import train

    if resume is not None and "=" in resume:  # `--resume optimizer.lr=1e-3`: no run, but the first override
        overrides, resume = [resume, *overrides], ""
    try:
        run = train(
            config,
            *overrides,
            resume=resume if resume else resume is not None,
            again=again,
            profile=profile,
            quiet=quiet,
        )
    except Interrupted as interrupted:
        raise SystemExit(interrupted.exit_code) from None
    metrics = run.metrics
    if as_json:
        click.echo(json.dumps({"run": str(run.path), "status": run.status, "metrics": metrics}))
        return
    _print_scores(metrics)
    click.echo(f"run folder: {run.path}")


def _print_scores(metrics: dict[str, Any]) -> None:
    """Validation and test side by side, one score a line."""
    names = list(dict.fromkeys(key.split("/", 1)[1] for key in metrics if key.startswith(("val/", "test/"))))
    width = max((len(name) for name in names), default=0)
    click.echo(f"{'':{width}}  {'val':>9}  {'test':>9}")
    for name in names:
        cells = [
            f"{metrics[key]:9.4f}" if (key := f"{split}/{name}") in metrics else " " * 9
            for split in ("val", "test")
        ]
        click.echo(f"{name:{width}}  {cells[0]}  {cells[1]}")
