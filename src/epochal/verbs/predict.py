"""Predict: a trained run on images, texts, folders, tables or arrays without targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from torch import nn

from epochal.analysis.decision import Decision
from epochal.console import Console, log
from epochal.data.encode.text import TextEncoding
from epochal.data.inputs import (
    Inputs,
    encoded_texts,
    fitting_samples,
    is_rows,
    open_inputs,
    rows_as_inputs,
)
from epochal.data.sources.arrays import finite
from epochal.dotenv import read_dotenv
from epochal.errors import Problem, RequestError
from epochal.experiment.differences import warn_of_other_code
from epochal.experiment.overlays import colors_of
from epochal.experiment.restore import load_predictor, load_run_config
from epochal.inference.predict import Predictor
from epochal.run.catalog import find_run
from epochal.run.run import Run
from epochal.tasks.segmentation import Segmentation
from epochal.verbs.predict_masks import WRITERS, predict_masks, write_table

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""Rows of a table: a dict of columns, or a list of dicts."""


def predict(
    run: str | Path | Run,
    inputs: str | Path | ArrayLike | Sequence[str | Path] | pl.DataFrame | Rows = (),
    *,
    texts: Sequence[str] | None = None,
    output: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    model: nn.Module | None = None,
    batch_size: int = 128,
    quiet: bool = False,
) -> pl.DataFrame:
    """Predictions of the best weights of a run, prepared as in training.

    Of a cross-validation they are the mean of the folds' probabilities, each with its fold's temperature,
    decided by the mean of the folds' thresholds where they have such.

    inputs: files or folders (images, sounds, texts, .npy, .npz, tables), or an array of raw samples [N, ...],
    laid out and typed as an array file of the source ``arrays``; of sounds [N, T] or [N, C, T], at the rate
    of the run's files, or that of ``resample`` where ``data.prepare`` begins with it; or rows of a table by
    the names of their columns, in any order: a DataFrame of polars or pandas, a dict of columns, a list of
    dicts; or for a model of several inputs a dict of an array each. texts: in the place of inputs, texts
    themselves for a model that reads text; strings in ``inputs`` are always paths. output: a .csv, .parquet
    or .jsonl file to write the table to. model: as ``epochal.load`` takes it. Of segmentation
    ``output`` is a folder, of the masks (for each image a PNG with a palette, as large as it) and of
    predictions.csv; or such a table, beside which a folder of its name holds the masks.

    Returns INDEX, FILENAME, PREDICTION and PROBABILITY_<class>... (or the predicted values), one row a
    sample; of segmentation MASK, the file, and SHARE_<class>..., the shares of its pixels. Raises
    RequestError or DataError for what can't be read or does not fit the model.
    """
    if output is not None and Path(output).suffix:
        _check_format(output)
    read_dotenv()
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        found = find_run(run, Path(runs))
        predictors = _predictors(found, device, model)
        task = predictors[0].task
        opened = _open_for_each(predictors, inputs, texts)
        with console.progress("predicting", len(opened[0]) * len(predictors)) as advance:
            if isinstance(task, Segmentation):
                config = load_run_config(found.folds[0] if found.folds else found)
                colors = colors_of(config, task.names)
                return predict_masks(predictors, opened[0], inputs, output, colors, batch_size, advance)
            if output is not None:
                _check_format(output)
            each = [
                one.predict(samples, batch_size, advance)
                for one, samples in zip(predictors, opened, strict=True)
            ]
        predictions = np.stack(each).mean(axis=0)
        columns = _decision_of(predictors).table(task, predictions, None)
    names = {"INDEX": np.arange(len(opened[0])), "FILENAME": opened[0].filenames}
    table = pl.DataFrame({**names, **columns})
    if output is not None:
        write_table(table, Path(output))
    return table


def _predictors(found: Run, device: str, model: nn.Module | None) -> list[Predictor]:
    """The run, or each fold of a cross-validation; RequestError where it predicts nothing."""
    runs = found.folds or [found]
    predictors = [load_predictor(each, device, model) for each in runs]
    if model is None:
        warn_of_other_code(runs[0], load_run_config(runs[0]))
    if found.status not in ("finished", "running"):
        log.warning(f"{found.path} is {found.status}; its best weights so far predict")
    if not predictors[0].task.has_loss:
        mend = "its samples are plots/samples.png; epochal.load(run).model.sample(noise) gives others"
        raise RequestError(Problem("a run that generates predicts nothing", str(found.path), mend))
    return predictors


def _decision_of(predictors: Sequence[Predictor]) -> Decision:
    if len(predictors) == 1:
        return predictors[0].decision
    decision = Decision.mean([one.decision for one in predictors])
    log.info(_of_folds(len(predictors), decision))
    return decision


def _check_format(output: str | Path) -> None:
    """RequestError where no table is written under such a name."""
    if Path(output).suffix not in WRITERS:
        mend = "use a name that ends in " + ", ".join(WRITERS)
        raise RequestError(Problem("no table of predictions is written in this format", str(output), mend))


def _of_folds(count: int, decision: Decision) -> str:
    mean = f"predictions are the mean of those of {count} folds"
    return f"{mean}, decided by the mean of their thresholds: {decision}" if decision.thresholds else mean


def _open_for_each(predictors: Sequence[Predictor], inputs: Any, texts: Sequence[str] | None) -> list[Inputs]:
    """The samples, once for each predictor."""

    def opened(one: Predictor) -> Inputs:
        return _open(inputs, one) if texts is None else _written(texts, one)

    first, *others = predictors
    samples = opened(first)
    # texts and columns are other numbers to each fold, which learnt its own vocabulary
    return [samples, *(opened(one) if one.encoding is not None else samples for one in others)]


def _written(texts: Sequence[str], predictor: Predictor) -> Inputs:
    """Texts as samples, each named by its number."""
    if not isinstance(predictor.encoding, TextEncoding):
        mend = "give files, folders, tables or arrays"
        raise RequestError(Problem(f"the model takes samples of kind {predictor.kind}, no texts", mend=mend))
    texts = [texts] if isinstance(texts, str) else texts
    return Inputs(
        [str(row) for row in range(len(texts))], encoded_texts(texts, predictor.encoding, "texts").__getitem__
    )


def _open(inputs: Any, predictor: Predictor) -> Inputs:
    if isinstance(inputs, str | Path):
        return _open([inputs], predictor)
    several, reader = len(predictor.shapes) > 1, predictor.reader
    if isinstance(inputs, Mapping) and several:
        return _open_named(inputs, predictor)
    if reader is not None and reader.read_rows is not None and is_rows(inputs):
        return rows_as_inputs(inputs, predictor.features, predictor.encoding, reader)
    of_paths = isinstance(inputs, Sequence) and all(isinstance(entry, str | Path) for entry in inputs)
    if several and not (of_paths and reader):
        names = ", ".join(predictor.shapes)
        mend = "call epochal.predict(run, {name: array, ...})" + (", or give a table" if reader else "")
        raise RequestError(Problem(f"the model takes several inputs by name: {names}", mend=mend))
    if isinstance(inputs, Sequence) and of_paths:
        paths, target = [str(entry) for entry in inputs], predictor.target
        return open_inputs(
            paths,
            predictor.kind,
            predictor.channels,
            predictor.features,
            target,
            predictor.encoding,
            predictor.rate,
            reader,
            [*predictor.shapes][1:],
        )
    if predictor.kind == "vector" and is_rows(inputs):
        return rows_as_inputs(inputs, predictor.features, predictor.encoding)
    if predictor.encoding is not None:
        mend = "give a table, a DataFrame, a dict of columns or a list of dicts"
        raise RequestError(Problem("the model takes columns by their names, not an array", "inputs", mend))
    array = np.asarray(inputs)
    if array.ndim == 0:
        raise RequestError(Problem("an array of samples [N, ...] is needed", mend="give a list of one"))
    if len(array) == 0:
        return Inputs([], lambda row: array[row])
    samples = fitting_samples(array, "inputs", predictor.kind, predictor.channels, predictor.features)
    return Inputs([str(row) for row in range(len(samples))], lambda row: samples[row])


def _open_named(inputs: Mapping[str, ArrayLike], predictor: Predictor) -> Inputs:
    """Arrays [N, ...] by the names of the inputs; DataError where they are not those of the model."""
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    or_rows = ", or a DataFrame with the columns that training had" if predictor.reader else ""
    if arrays.keys() != predictor.shapes.keys():
        what = f"inputs are {', '.join(arrays) or 'none'}; the model takes {', '.join(predictor.shapes)}"
        raise RequestError(Problem(what, mend=f"give an array [N, ...] for each{or_rows}"))
    first, *names = predictor.shapes
    samples = fitting_samples(arrays[first], first, predictor.kind, predictor.channels, predictor.features)
    for name in names:
        expected = (len(samples), *predictor.shapes[name])
        if arrays[name].shape != expected:
            what = f"'{name}' has the shape {list(arrays[name].shape)}, not {list(expected)}"
            raise RequestError(Problem(what, mend=f"give a row a sample{or_rows}"))
    others = {name: finite(arrays[name], name) for name in names}
    return Inputs([str(row) for row in range(len(samples))], samples.__getitem__, others)
