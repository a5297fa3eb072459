"""Report: a run, a cross-validation or several runs as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.console import Console
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.sounds import sound_rate
from epochal.errors import EpochalError, Problem, RequestError
from epochal.experiment.comparison import compare_runs
from epochal.experiment.data import read_data
from epochal.experiment.restore import load_run_config
from epochal.plots.sounds import pictured
from epochal.reporting.page import comparison_page, run_page
from epochal.reporting.pdf import print_pdf, require_browser
from epochal.reporting.pictures import Pictures
from epochal.reporting.record import Record, read_record
from epochal.run.catalog import find_run
from epochal.run.durable import write_text
from epochal.run.run import Run

_EACH = 8  # samples of a class
_MOST_CLASSES = 20


def report(
    *runs_to_show: str | Path | Run,
    output: str | Path | None = None,
    comparison: str | Path | None = None,
    runs: str | Path = "runs",
    pdf: bool = False,
) -> Path:
    """Write the report of one run or cross-validation, or several side by side; the path of the page.

    output: the HTML file; else ``report.html`` in the run folder, or here where there are several runs.
    comparison: what ``epochal compare -o`` wrote about the runs; else they are compared now, each with the
    first, in all scores. pdf: print the page too, under the same name with the ending .pdf, which is
    returned.

    Raises RequestError where a run is not there, or where there is no browser to print with.
    """
    if not runs_to_show:
        raise RequestError(Problem("a report needs a run", mend="`epochal runs` lists them"))
    if pdf:
        require_browser()  # before any work
    found = list(dict.fromkeys(find_run(reference, Path(runs)) for reference in runs_to_show))
    records = [read_record(run) for run in found]
    page = (
        Path(output) if output is not None else (found[0].path if len(found) == 1 else Path()) / "report.html"
    )
    page = page.with_suffix(".html") if page.suffix == ".pdf" else page
    if len(records) == 1:
        write_text(page, run_page(records[0], _pictures(records[0])))
    else:
        tested = _compared(found) if comparison is None else _comparison(Path(comparison))
        write_text(page, comparison_page(records, tested))
    if not pdf:
        return page
    print_pdf(page, page.with_suffix(".pdf"))
    return page.with_suffix(".pdf")


def _compared(runs: Sequence[Run]) -> dict[str, Any]:
    """What ``compare`` gives; of runs that it refuses, such as unfinished ones, why."""
    try:
        with Console().messages() as console:
            return compare_runs(runs, (), console).to_json()
    except RequestError as error:
        return {"notes": [f"The runs are not compared: {problem}" for problem in error.problems]}


def _comparison(path: Path) -> dict[str, Any]:
    path = path / "comparison.json" if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        mend = "`epochal compare RUN RUN -o FOLDER` writes one"
        raise RequestError(Problem(f"no comparison can be read: {error}", str(path), mend)) from error
    return content if isinstance(content, dict) else {}


def _pictures(record: Record) -> Pictures:
    """Samples to show, read anew from the data; none where that is no longer what the run had."""
    if record.derived.get("kind") != "image" and not record.derived.get("rate"):
        return Pictures()
    try:
        # without what the run left out: its rows are numbered so
        source = read_data(load_run_config(record.run), Console(quiet=True)).source
    except EpochalError:
        return Pictures(note="No samples are shown: the data could not be read where the report was made.")
    if source.digest[:16] != record.derived.get("data_digest"):
        return Pictures(note="No samples are shown: the data is no longer what the run was trained on.")
    findings = record.inspection.get("findings") or []
    places = {str(name): row for row, name in enumerate(source.manifest.filenames)} if findings else {}
    return Pictures(
        classes={name: _read(source, rows) for name, rows in _rows_of_classes(record.run, source.manifest)},
        findings={
            number: _read(source, [places[name] for name in finding.get("filenames", []) if name in places])
            for number, finding in enumerate(findings)
        },
    )


def _rows_of_classes(run: Run, manifest: Manifest) -> list[tuple[str, Sequence[int]]]:
    """Of each class or label, rows of the training split that are spread over it; of values, of all."""
    rows = np.arange(len(manifest))
    if run.folder.split.is_file():
        rows = pl.read_csv(run.folder.split).filter(SPLIT="train")["INDEX"].to_numpy()
    targets = manifest.targets[rows]
    names = manifest.names[:_MOST_CLASSES]
    if manifest.target_kind == "class":
        chosen = [(name, rows[targets == place]) for place, name in enumerate(names)]
    elif manifest.target_kind == "labels":
        chosen = [(name, rows[targets[:, place] > 0]) for place, name in enumerate(names)]
    else:
        chosen = [("training split", rows)]
    return [
        (name, found[np.unique(np.linspace(0, len(found) - 1, _EACH).astype(int))].tolist())
        for name, found in chosen
        if len(found)
    ]


def _read(source: Source, rows: Sequence[int]) -> list[Array]:
    """The samples that can be read; a broken one, as the checks find them, is left out."""
    picture = pictured(source)
    assert picture is not None
    samples: list[Array] = []
    for row in rows[:_EACH]:
        try:
            samples.append(picture(source.read(row), sound_rate(source)))
        except EpochalError:
            continue
    return samples
