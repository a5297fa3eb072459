"""Whether other data that a run is scored on was among what it learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from epochal.config.component import Component
from epochal.console import Console, log
from epochal.data.check.leaks import placed
from epochal.data.check.seen import seen_in
from epochal.data.manifest import Array, Source
from epochal.data.problems import counted
from epochal.data.split import build_split
from epochal.errors import EpochalError
from epochal.experiment.class_order import with_names
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.data import read_data
from epochal.experiment.other_data import PATH_OF
from epochal.run.run import Run


def seen_in_training(
    run: Run, config: ExperimentConfig, source: Source, path: Path, console: Console
) -> dict[str, Any]:
    """The part ``seen_in_training`` of the metrics of other data, with a warning where it is not all zero.

    train, val: how many samples of the source, read from the path, were in these splits of the run: the same
    bytes or values, or the same FILENAME where the run's own source is that path. unknown: why that could
    not be told.
    """
    try:
        places = _places(run, config, source, path, console)
    except (EpochalError, OSError) as error:
        reason = str(error).splitlines()[0]
        log.warning(f"it is unknown whether the run learnt from these samples: its own data gave {reason}")
        return {"unknown": reason}
    train, val = (int((places == number).sum()) for number in (1, 2))
    if train or val:
        log.warning(
            f"of {counted(len(places), 'sample')} {train + val:,} were in the run's own training split "
            f"({train:,}) or validation split ({val:,}): these scores flatter the model"
        )
    return {"train": train, "val": val}


def _places(run: Run, config: ExperimentConfig, source: Source, path: Path, console: Console) -> Array:
    """int64 [N]: 1 for a sample that was trained on, 2 for one that was validated on, else 0."""
    reading = read_data(config, console)
    known = with_names(reading.source, source.manifest.names, str(run.path))
    component = Component.model_validate({"name": "file", "path": str(run.folder.split), "partial": True})
    of_known = placed(build_split(component, known.manifest, config.seed), len(known.manifest))
    rows = np.flatnonzero((of_known == 1) | (of_known == 2))
    row = seen_in(source, known, rows, config.cache_folder, console)
    written = config.data.source.arguments.get(PATH_OF[config.data.source.name])
    if written is not None and Path(written).expanduser().resolve() == path.expanduser().resolve():
        by_name = {known.manifest.filenames[place]: place for place in rows.tolist()}
        named = np.array([by_name.get(name, -1) for name in source.manifest.filenames])
        row = np.where(row < 0, named, row)
    return np.where(row < 0, 0, of_known[row])
