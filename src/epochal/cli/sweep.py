"""``epochal sweep``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from epochal.cli.arguments import config_arguments, refuse_mistakes
from epochal.cli.options import json_option, quiet_option
from epochal.cli.table import format_option

if TYPE_CHECKING:
    from epochal.verbs.sweep import Sweep


@click.command("sweep")
@click.option("--retry", is_flag=True, help="Continue failed runs too.")
@click.option("--dry-run", is_flag=True, help="List what would be run, and run nothing.")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Trainings at once."
)
@click.option("--metric", default="", metavar="NAMES", help="Compare only these scores, as in accuracy,f1.")
@format_option
@quiet_option
@json_option
@config_arguments
def command(
    config: str,
    overrides: list[str],
    retry: bool,
    dry_run: bool,
    jobs: int,
    metric: str,
    form: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Train every combination of values, as in optimizer.lr=1e-3,1e-4 seed=1,2,3, and compare them.

    Values are separated by commas outside brackets: model.channels=[16,32] is one. What is finished is not
    trained again, what is unfinished is continued; after Ctrl-C the same command goes on. The exit code is 1
    if one has failed.
    """
    from epochal.cli.compare import print_comparison
    from epochal.config.grid import covering

    refuse_mistakes(config, *covering(overrides))
    from epochal.verbs.sweep import sweep  # torch loads here, after the arguments are parsed

    done = sweep(config, *overrides, retry=retry, dry_run=dry_run, jobs=jobs, metric=metric, quiet=quiet)
    if as_json or form == "json":
        click.echo(json.dumps(done.to_json()))
    elif dry_run:
        _print_plan(done)
    elif done.comparison is not None:
        print_comparison(done.comparison, form)
    if not dry_run:
        _say_rest(done)
    return int(any(trial.status == "failed" for trial in done.trials) and not dry_run)


def _print_plan(plan: Sweep) -> None:
    from epochal.cli.table import Column, text_table

    trials = plan.trials
    why = {"finished": "finished", "failed": "failed; --retry continues it", "running": "runs already"}
    notes = [why.get(trial.status or "", trial.status or "") for trial in trials]
    columns = [
        Column("action", [trial.action for trial in trials]),
        Column("id", [trial.id for trial in trials]),
        Column("settings", [trial.title for trial in trials]),
    ]
    if any(notes):
        columns.append(Column("because", notes))
    click.echo(text_table(columns))


def _say_rest(done: Sweep) -> None:
    """What the comparison does not show: runs that are not finished."""
    finished = len(done.runs)
    rest = [trial for trial in done.trials if trial.status != "finished"]
    if not rest:
        return
    click.echo(f"\n{finished} of {len(done.trials)} finished", err=True)
    for trial in rest:
        reason = trial.error or (trial.run.reason.partition("\n")[0] if trial.run else "")
        hint = "; --retry continues it" if trial.status == "failed" else ""
        click.echo(f"  {trial.status}: {trial.title}: {reason}{hint}", err=True)
