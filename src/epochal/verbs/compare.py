"""Compare: what runs differ in, how good each is, and whether the difference is more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from epochal.console import Console
from epochal.errors import Problem, RequestError
from epochal.experiment.comparison import Comparison, compare_runs
from epochal.experiment.run_groups import Group
from epochal.plots.compare import Curve, Estimate, plot_curves, plot_differences
from epochal.plots.style import save
from epochal.run.catalog import find_run
from epochal.run.durable import write_json, write_text
from epochal.run.parameters import short_keys
from epochal.run.run import Run
from epochal.run.tabular import csv_text


def compare(
    *references: str | Path | Run,
    metric: str | Sequence[str] = (),
    output: str | Path | None = None,
    runs: str | Path = "runs",
    quiet: bool = False,
) -> Comparison:
    """Compare two runs or more, each with the first.

    Runs with the same test samples are compared sample by sample: by the paired bootstrap, by McNemar's test
    for accuracy, by DeLong's for the ROC AUC of two classes; where the data has groups, group by group. Runs
    that differ in nothing but the seed are taken together, and means over seeds are compared by Welch's
    test. The p-values of several comparisons are adjusted by Holm's method.

    metric: the scores to compare, ``"accuracy,f1"``; all by default. output: a folder for comparison.json,
    comparison.csv and plots.

    Raises RequestError for runs that are not there or have no scores, and for a score that some have not.
    """
    found = list(
        {run.path.resolve(): run for run in (find_run(each, Path(runs)) for each in references)}.values()
    )
    if len(found) < 2:
        raise RequestError(Problem("it takes two different runs", mend="`epochal runs` lists them"))
    with Console(quiet=quiet).messages() as console:
        comparison = compare_runs(found, metric, console)
    if output is not None:
        write_comparison(comparison, Path(output))
    return comparison


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """comparison.json, comparison.csv (one row a group), differences.csv and the plots; their paths."""
    write_json(folder / "comparison.json", comparison.to_json())
    written = [folder / "comparison.json", folder / "comparison.csv"]
    write_text(written[-1], csv_text(*comparison.rows()))
    if comparison.differences:
        written.append(folder / "differences.csv")
        write_text(written[-1], csv_text(*comparison.difference_rows()))
    for name, figure in (
        ("curves", plot_curves(_curves(comparison), comparison.scores[0])),
        ("differences", plot_differences(_estimates(comparison))),
    ):
        if figure is not None:
            written.append(folder / f"{name}.png")
            save(figure, written[-1])
    return written


def _curves(comparison: Comparison) -> list[Curve]:
    return [
        Curve(run.history, _title(group), place)
        for place, group in enumerate(comparison.groups)
        for run in group.runs
    ]


def _estimates(comparison: Comparison) -> list[Estimate]:
    titles = {group.label: _title(group) for group in comparison.groups}
    return [
        Estimate(
            each.score,
            f"{titles[each.other]}\nagainst {titles[each.first]}",
            each.difference,
            each.low,
            each.high,
            each.p_to_report,
            None if not each.better else each.better == each.other,
        )
        for each in comparison.differences
        if math.isfinite(each.low)
    ]


def _title(group: Group) -> str:
    """``B: lr=0.001, model=mlp``: the label and the first settings that tell the group from others."""
    pairs = zip(short_keys(list(group.parameters)), group.parameters.values(), strict=True)
    shown = ", ".join([f"{key}={value}" for key, value in pairs if value is not None][:2])
    return f"{group.label}: {shown or group.runs[0].path.name}"
