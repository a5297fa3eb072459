"""Predicted masks as files beside a table of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from epochal.data.inputs import Inputs
from epochal.data.manifest import Array
from epochal.errors import Problem, RequestError
from epochal.inference.predict import Predictor, masks_of

WRITERS = {".csv": "write_csv", ".parquet": "write_parquet", ".jsonl": "write_ndjson"}


def predict_masks(
    predictors: Sequence[Predictor],
    opened: Inputs,
    given: Any,
    output: str | Path | None,
    colors: Array,
    batch_size: int,
    advance: Callable[[int], None],
) -> pl.DataFrame:
    """INDEX, FILENAME, MASK where ``output`` is given, and the share of each class among the pixels.

    given: what ``opened`` was opened from. output: the folder of masks and of predictions.csv; or a table,
    whose masks lie in a folder of its name beside it. MASK is relative to the table. colors: of the classes,
    uint8 [256, 3]. Raises RequestError where masks would lie among the images given.
    """
    names = predictors[0].task.names
    table_path = None
    files = _file_names(opened.filenames)
    if output is not None:
        table_path, below = Path(output) / "predictions.csv", ""
        if Path(output).suffix in WRITERS:
            table_path, below = Path(output), f"{Path(output).stem}/"
        _check_place(table_path.parent / below, given)
        files = [below + name for name in files]
    shares = np.zeros((len(opened), len(names)))
    for row, mask in enumerate(masks_of(predictors, opened, batch_size, advance)):
        counts = np.bincount(mask.ravel(), minlength=256)[: len(names)]
        shares[row] = counts / max(1, counts.sum())
        if table_path is not None:
            _save(mask, table_path.parent / files[row], colors)
    table = pl.DataFrame(
        {
            "INDEX": np.arange(len(opened)),
            "FILENAME": opened.filenames,
            **({} if table_path is None else {"MASK": files}),
            **{f"SHARE_{name}": shares[:, place] for place, name in enumerate(names)},
        }
    )
    if table_path is not None:
        write_table(table, table_path)
    return table


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table of predictions in the format that its name ends in, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    getattr(table, WRITERS[path.suffix])(path)


def _save(mask: Array, path: Path, colors: Array) -> None:
    """The classes as the numbers of a palette, which programs show in its colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette(colors.tobytes())
    image.save(path, optimize=True)


def _check_place(folder: Path, given: Any) -> None:
    """RequestError where the folder of the masks is one that images were read from."""
    entries = [given] if isinstance(given, str | Path) else given
    for entry in entries if isinstance(entries, list | tuple) else ():
        path = Path(str(entry)).expanduser().resolve()
        if path.exists() and folder.expanduser().resolve() == (path if path.is_dir() else path.parent):
            what = "masks would lie among the images that they are of"
            raise RequestError(Problem(what, str(folder), "name another folder"))


def _file_names(filenames: Sequence[str]) -> list[str]:
    """A PNG for each input, below the folder of masks; by the whole name where two differ in its end only."""
    paths = [PurePosixPath(name.replace(":", "-")) for name in filenames]
    inside = [
        path if not path.is_absolute() and ".." not in path.parts else PurePosixPath(path.name)
        for path in paths
    ]
    short = [path.with_suffix(".png").as_posix() for path in inside]
    counts = Counter(short)
    whole = [
        name if counts[name] == 1 else f"{path.as_posix()}.png"
        for name, path in zip(short, inside, strict=True)
    ]
    if len(set(whole)) == len(whole):
        return whole
    return [f"{row}_{name}" for row, name in enumerate(PurePosixPath(name).name for name in whole)]
