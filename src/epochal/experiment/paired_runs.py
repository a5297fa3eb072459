"""Two runs on the same samples, score by score, from the predictions that they wrote down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from epochal.analysis.decision import scores_at, takes_temperature
from epochal.analysis.paired import delong, mcnemar, paired_bootstrap
from epochal.analysis.resample import Resampler, group_numbers
from epochal.data.manifest import Array
from epochal.errors import EpochalError
from epochal.experiment.restore import load_run_config, task_of_run
from epochal.run.run import Run
from epochal.tasks.classification import Classification
from epochal.tasks.tables import arrays_of, decisions_of, read_predictions
from epochal.tasks.task import Task

_RESAMPLES = 2000
_FEWEST = 500
_WORK = 40_000_000  # resamples × samples × columns: some seconds a run


@dataclass(frozen=True)
class Samples:
    """What a run predicted for the samples of one split, in the order of their INDEX.

    keys: INDEX, FILENAME and the columns of the target, as text. predictions, targets: [N, ...], as
    ``Task.all_scores`` takes them. decided: as ``scores_at`` takes it. groups: of each sample as text
    [N], None where the run wrote none down. cache: the scores of resamples that were computed already.
    """

    keys: pl.DataFrame
    task: Task
    predictions: Array
    targets: Array
    decided: Array | None = None
    groups: Array | None = None
    cache: dict[bytes, dict[str, float]] = field(default_factory=dict)

    def scores(self, rows: Array) -> dict[str, float]:
        """All scores of these rows; once, however many of the scores are asked for."""
        key = hashlib.blake2b(rows.tobytes(), digest_size=16).digest()
        if key not in self.cache:
            decided = None if self.decided is None else self.decided[rows]
            found = scores_at(self.task, self.predictions[rows], decided, self.targets[rows])
            self.cache[key] = dict(found.overall)
        return self.cache[key]

    @property
    def resamples(self) -> int:
        """How many are drawn: fewer where there is much to compute in each."""
        return int(np.clip(_WORK // max(1, self.predictions.size), _FEWEST, _RESAMPLES))


@dataclass(frozen=True)
class PairedDifference:
    """Score of b minus score of a, its 95 % interval, the two-sided p-value and the test that gave it."""

    difference: float
    low: float
    high: float
    p_value: float
    test: str


def read_samples(run: Run, split: str) -> Samples | str:
    """The predictions of a run, ``pooled`` of a cross-validation; else why there are none."""
    path = run.folder.predictions(split)
    if not path.exists():
        return f"{run.path} has no {path.relative_to(run.path)}"
    try:
        described = Run(run.path / "folds" / "1") if split == "pooled" else run
        task = task_of_run(load_run_config(described), described)
        table = read_predictions(path)
        table = table.sort([name for name in ("INDEX", "FOLD") if name in table.columns], maintain_order=True)
        predictions, targets = arrays_of(table, task.target, task.names)
        decided = decisions_of(table, predictions, task) if takes_temperature(task) else None
    except (EpochalError, OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        return f"the predictions of {run.path} can't be read: {str(error).splitlines()[0]}"
    known = [name for name in table.columns if name == "TARGET" or name.startswith("TARGET_")]
    groups = table["GROUP"].to_numpy().astype(str) if "GROUP" in table.columns else None
    return Samples(table.select("INDEX", "FILENAME", *known), task, predictions, targets, decided, groups)


def not_the_same(a: Samples, b: Samples) -> str:
    """Why two runs can't be compared sample by sample; empty where they can."""
    if type(a.task) is not type(b.task) or a.task.names != b.task.names:
        return "their tasks or classes are not the same"
    columns = ("INDEX", "FILENAME")
    if len(a.keys) != len(b.keys):
        return f"they were tested on {len(a.keys):,} and {len(b.keys):,} samples"
    if not a.keys.select(columns).equals(b.keys.select(columns)):
        other = len(a.keys.join(b.keys, on=columns, how="anti"))
        return f"{other:,} of {len(a.keys):,} samples of each are not among the other's"
    if not np.array_equal(a.targets, b.targets):
        changed = a.targets != b.targets
        rows = int(changed.reshape(len(changed), -1).any(axis=1).sum())
        return f"the targets of {rows:,} samples differ"
    together = _together(a, b)
    if together is not None and len(np.unique(together)) < 2:
        return "all samples are of one group"
    return ""


def paired_differences(a: Samples, b: Samples, scores: Sequence[str]) -> dict[str, PairedDifference]:
    """The difference of each score of both: by bootstrap, McNemar (accuracy) or DeLong (binary AUC).

    Where groups are known they are drawn whole, and the tests are those for groups; DeLong's takes many of
    them, so that few are left to the bootstrap. Samples that a repeated cross-validation tests several times
    are resampled together, and by bootstrap alone: the other tests take each row for a sample of its own.
    """
    count = len(a.targets)
    rows = np.arange(count)
    have = a.scores(rows).keys() & b.scores(rows).keys()
    return {score: _difference(a, b, score) for score in scores if score in have}


def doubt_of(a: Samples, b: Samples) -> str:
    """Why the intervals of so few samples or groups can hardly be believed; empty where there are enough."""
    together = _together(a, b)
    return Resampler(len(a.targets), group_numbers(together), seed=0).doubt


def _together(a: Samples, b: Samples) -> Array | None:
    """What is resampled together [N]: groups, else the samples that are tested several times; else None."""
    groups = b.groups if a.groups is None else a.groups
    return a.keys["INDEX"].to_numpy() if groups is None and not _once(a) else groups


def _once(samples: Samples) -> bool:
    return samples.keys["INDEX"].n_unique() == len(samples.keys)


def _difference(a: Samples, b: Samples, score: str) -> PairedDifference:
    count = len(a.targets)
    rows = np.arange(count)
    once, groups = _once(a), _together(a, b)
    by = " by group" if a.groups is not None or b.groups is not None else ""
    binary = isinstance(a.task, Classification) and len(a.task.names) == 2
    if once and binary and score == "roc_auc" and not (by and doubt_of(a, b)):
        found = delong(b.predictions[:, 1], a.predictions[:, 1], a.targets, groups)
        return PairedDifference(found.difference, found.low, found.high, found.p_value, f"DeLong{by}")

    def of_rows(marked: Array, drawn: Array) -> float:
        """The score of resampled rows; those of b are marked by numbers from ``count`` on."""
        return (a if marked[0] < count else b).scores(drawn).get(score, np.nan)

    drawn = paired_bootstrap(of_rows, rows + count, rows, rows, groups, a.resamples)
    if once and isinstance(a.task, Classification) and score == "accuracy":
        chosen = [each.predictions if each.decided is None else each.decided for each in (a, b)]
        right_a, right_b = (each.argmax(axis=1) == a.targets for each in chosen)
        p_value = mcnemar(right_a, right_b, groups)
        return PairedDifference(drawn.difference, drawn.low, drawn.high, p_value, f"McNemar{by}")
    return PairedDifference(drawn.difference, drawn.low, drawn.high, drawn.p_value, f"paired bootstrap{by}")
