"""Data from elsewhere, read as a trained run read its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from epochal.config.component import Component
from epochal.console import Console, log
from epochal.data.check.sound_reading import at_rate
from epochal.data.encode.columns import ColumnEncoding
from epochal.data.sources import build_source
from epochal.data.split import Split
from epochal.errors import Problem, RequestError
from epochal.experiment.class_order import with_names
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.data import Data, encoded_data
from epochal.experiment.encodings import columns_of_run, load_encodings
from epochal.run.run import Run
from epochal.tasks.build import task_class

PATH_OF = {
    **dict.fromkeys(("folder", "text_folder", "idx"), "root"),
    **dict.fromkeys(("arrays", "forecast", "series", "shards", "table", "ts"), "path"),
}
"""The argument of a source that says where it reads from."""


def other_data(run: Run, config: ExperimentConfig, path: Path, console: Console) -> Data:
    """All samples of other data as a test split, with the statistics and the classes of a run.

    path: what the run's source reads: a folder, a table, an array file. Its columns may stand in another
    order, and its images have other channels: they are read as the run's were. Raises RequestError where the
    source reads from no path, DataError where the data has targets that the run does not know.
    """
    component = config.data.source
    if component.name not in PATH_OF:
        mend = "other data can be given for " + ", ".join(PATH_OF)
        raise RequestError(Problem(f"its source '{component.name}' reads from no path", str(run.path), mend))
    arguments = component.arguments | {PATH_OF[component.name]: str(path.expanduser().absolute())}
    facts = config.derived or {}
    if component.name in ("table", "series"):
        arguments.pop("split", None)
    if component.name in ("series", "ts"):
        arguments["length"] = facts["input_shape"][1]
    if component.name == "series":
        arguments["channels"] = facts["features"]
    if facts.get("image_files") or facts.get("rate"):
        arguments["channels"] = facts["channels"]
        _, beside = load_encodings(run)
        if isinstance(beside, ColumnEncoding):
            arguments |= {"features": list(beside.types), "types": dict(beside.types)}
    elif component.name == "table" and "text" not in arguments:
        arguments |= columns_of_run(run, facts["features"])
    if facts.get("mask_values"):
        arguments["classes"] = dict(zip(facts["names"], facts["mask_values"], strict=True))
    moved = Component.model_validate({"name": component.name, **arguments})
    source = build_source(moved, task_class(config.task).target)
    if facts.get("rate"):
        source = at_rate(source, facts["rate"], facts["channels"])
    source = with_names(source, tuple(facts["names"]), str(path))
    nothing = np.zeros(0, np.int64)
    split = Split(train=nothing, val=nothing, test=np.arange(len(source.manifest)), origin=str(path))
    data = encoded_data(source, split, config, console, run)
    for name, count in data.unseen_in(split.test).items():
        what = f"{count:,} of {len(split.test):,} values of '{name}' are not in the training split"
        log.warning(f"{path}: {what} and are taken as missing")
    return data
