"""``epochal crossval``."""

from __future__ import annotations

import json

import click

from epochal.cli.arguments import config_arguments, refuse_mistakes
from epochal.cli.options import json_option, quiet_option
from epochal.cli.scores import interval_heading, print_subgroups, print_threshold, score_rows
from epochal.errors import Interrupted


@click.command("crossval")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Folds trained at once.")
@click.option("--again", is_flag=True, help="Do it even if it was finished before.")
@quiet_option
@json_option
@config_arguments
def command(config: str, overrides: list[str], jobs: int, again: bool, quiet: bool, as_json: bool) -> None:
    """Train on k folds, each tested on what it did not see, and put the results together.

    CONFIG has data.split: {name: kfold, folds: 5} or {name: leave_one_group_out}; overrides are
    dotted.key=value. The same command continues one that was interrupted.
    """
    refuse_mistakes(config, overrides)
    from epochal.verbs.crossval import crossval  # torch loads here, after the arguments are parsed

    try:
        found = crossval(config, *overrides, jobs=jobs, again=again, quiet=quiet)
    except Interrupted as interrupted:
        raise SystemExit(interrupted.exit_code) from None
    if as_json:
        content = {"run": str(found.run.path), "mean": found.mean, "std": found.std, "pooled": found.pooled}
        click.echo(json.dumps(content))
        return
    content = json.loads(found.run.folder.crossval.read_text())
    intervals = content["pooled"].get("intervals", {})
    rows = score_rows(content["pooled"]) if found.pooled else {}
    names = [*found.mean, *(name for name in rows if name not in found.mean)]
    width = max((len(name) for name in names), default=0)
    head = f"{'':{width}}  {f'mean of {len(found.folds)} folds':>19}  {'pooled':>9}"
    click.echo(head + interval_heading(content["pooled"]))
    for name in names:
        mean = f"{found.mean[name]:9.4f} ± {found.std[name]:.4f}" if name in found.mean else ""
        pooled = f"{rows[name]:9.4f}" if name in rows else ""
        low_high = "   {:.4f} to {:.4f}".format(*intervals[name]) if name in intervals else ""
        click.echo(f"{name:{width}}  {mean:>19}  {pooled:>9}{low_high}".rstrip())
    print_threshold(content["pooled"], "pooled")
    print_subgroups(content["pooled"])
    click.echo(f"run folder: {found.run.path}")
