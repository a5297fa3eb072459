"""Which rows train, which validate and which test: disjoint, decided once, by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from epochal.config.component import Component, Registry
from epochal.data.draws import key_integer
from epochal.data.manifest import Array, Manifest
from epochal.data.problems import counted, raise_problems
from epochal.errors import ConfigError, DataError, Problem

_HERE = "epochal.data.split"
_PLACES = ("train", "val", "test")
_WHERE = "data.split"

SPLITS = Registry(
    kind="split",
    names={
        **{name: f"{_HERE}:{name}" for name in ("column", "grouped", "random")},
        **{name: f"{_HERE}_{name}:{name}" for name in ("file", "time")},
        **{name: f"epochal.data.folds:{name}" for name in ("kfold", "leave_one_group_out")},
    },
)
"""The splits by name; a function (manifest, seed, its own arguments) -> Split."""

SUPPLIED = ("manifest", "seed")
"""What the system passes to a split itself."""


class TooFewRowsError(DataError):
    """Classes that can't be split as asked for; ``classes``: the index of each -> its problem."""

    def __init__(self, *problems: Problem | str, classes: Mapping[int, Problem] | None = None) -> None:
        self.classes = dict(classes or {})
        super().__init__(*problems, *self.classes.values())


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the manifest, sorted int64 arrays without a row in common; ``test`` may be empty.

    origin: what made it, in words.
    """

    train: Array
    val: Array
    test: Array
    origin: str

    def names(self) -> Iterator[str]:
        """The names of the splits that have rows, in the order train, val, test."""
        return (name for name in _PLACES if len(self.rows(name)))

    def rows(self, name: str) -> Array:
        """The rows of ``train``, ``val`` or ``test``."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def build_split(component: Component | None, manifest: Manifest, seed: int) -> Split:
    """The split that a component names; None is the data's own split, or a random one where it has none.

    Raises DataError where train or val is left empty, or a class has no row to train on.
    """
    if component is None:
        component = Component(name="random" if manifest.splits is None else "column")
    function = SPLITS.resolve(component.name)
    split = function(manifest, seed, **component.arguments)
    if not isinstance(split, Split):
        what = f"'{component.name}' returns a {type(split).__name__}"
        raise ConfigError(Problem(what, where=_WHERE, mend="return an epochal.data.split.Split"))
    _check(split, manifest)
    return split


def split_table(split: Split, manifest: Manifest, groups: pl.Series | None = None) -> pl.DataFrame:
    """INDEX, FILENAME and SPLIT of every row that is in a split, by INDEX; ``file`` reads it back.

    groups: of each row of the manifest; they are the column GROUP, which ``file`` passes over.
    """
    rows = np.concatenate([split.rows(name) for name in _PLACES])
    counts = [len(split.rows(name)) for name in _PLACES]
    names = pl.concat(
        [pl.repeat(name, count, eager=True) for name, count in zip(_PLACES, counts, strict=True)]
    )
    frame = pl.DataFrame(
        {
            "INDEX": rows,
            "FILENAME": manifest.filenames.gather(rows),
            "SPLIT": names,
            **({} if groups is None else {"GROUP": groups.gather(rows)}),
        }
    )
    return frame.sort("INDEX")


def random(
    manifest: Manifest, seed: int, *, val: float = 0.1, test: float = 0.2, stratify: bool = True
) -> Split:
    """Rows drawn at random; ``stratify`` gives every split each class in the same proportion."""
    shares = _shares(val, test)
    strata = np.zeros(len(manifest), np.int64)
    names: tuple[str, ...] = ("the data",)
    if stratify and manifest.target_kind == "class":
        strata, names = manifest.targets, manifest.names
    placed = _stratified(strata, names, shares, _generator(seed))
    words = f"random(val={val}, test={test}, stratify={str(stratify).lower()})"
    return from_places(placed, words)


def grouped(manifest: Manifest, seed: int, *, val: float = 0.1, test: float = 0.2) -> Split:
    """Whole groups drawn, so that none is in two splits; rows and classes as near the shares as groups allow.

    Each group in turn, the largest first, goes where it brings the counts of rows (by class, where there
    are classes) nearest to what the shares ask for, in the sum of squares relative to each share.
    """
    shares = _shares(val, test)
    if manifest.groups is None:
        mend = "name the column of groups as 'group' of the source"
        raise DataError(Problem("the data has no groups", where=_WHERE, mend=mend))
    group = manifest.groups.rank("dense").to_numpy().astype(np.int64) - 1
    count = int(group.max()) + 1
    if count < len(shares):
        mend = "add groups, set test: 0, or split at random"
        raise DataError(Problem(f"{count} groups can't fill {len(shares)} splits", where=_WHERE, mend=mend))
    by_class = manifest.target_kind == "class"
    strata = manifest.targets if by_class else np.zeros(len(manifest), np.int64)
    sizes = np.zeros((count, int(strata.max()) + 1))
    np.add.at(sizes, (group, strata), 1)
    sizes = np.column_stack([sizes, sizes.sum(axis=1)])
    sizes /= np.maximum(sizes.sum(axis=0), 1)  # each class counts alike, and so do all rows together

    order = _generator(seed).permutation(count)
    order = order[np.argsort(-sizes[order].sum(axis=1), kind="stable")]
    place = np.full(count, -1)
    share = np.array(list(shares.values()))[:, None]
    lack = share * np.ones(sizes.shape[1])
    for index in order:
        # the change of each split's squared lacks; relative to its share, or the largest would take all first
        change = (sizes[index] * (sizes[index] - 2 * lack) / share).sum(axis=1)
        place[index] = int(np.argmin(change))
        lack[place[index]] -= sizes[index]
    for empty in set(range(len(shares))) - set(place.tolist()):
        members = np.bincount(place, minlength=len(shares))
        movable = [index for index in order[::-1] if members[place[index]] > 1]
        place[movable[0]] = empty  # the smallest group that leaves none empty behind
    placed = np.array(list(shares))[place[group]]
    return from_places(placed, f"grouped(val={val}, test={test})")


def column(manifest: Manifest, seed: int, *, val: float = 0.1) -> Split:
    """The split that came with the data; where it has no val rows, the share ``val`` of train is drawn."""
    if manifest.splits is None:
        mend = "use random, or name the column of splits as 'split' of the source"
        raise DataError(Problem("the data comes without a split", where=_WHERE, mend=mend))
    placed = manifest.splits.to_numpy().astype(object)
    if (placed == "val").any():
        return from_places(placed, "column")
    shares = _shares(val, 0.0)
    train = np.flatnonzero(placed == "train")
    if len(train) == 0:
        raise DataError(Problem("no row of the data is a train row", where=_WHERE))
    strata: Array = np.zeros(len(train), np.int64)
    names: tuple[str, ...] = ("the train rows",)
    if manifest.target_kind == "class":
        strata, names = manifest.targets[train], manifest.names
    placed[train] = _stratified(strata, names, shares, _generator(seed))
    return from_places(placed, f"column(val={val})")


def held_out(
    manifest: Manifest,
    test: Array,
    val: float,
    strata: Array | None,
    groups: Array | None,
    seed: int,
    origin: str,
) -> Split:
    """Rows that are tested, and of the others the share ``val`` for validation; no group in both of these.

    test: row numbers. strata, groups: of each row of the manifest, or None.
    """
    others = np.setdiff1d(np.arange(len(manifest)), test)
    if groups is None:
        kinds = np.zeros(len(others), np.int64) if strata is None else strata[others]
        names = manifest.names if strata is not None else ("the data",)
        placed = _stratified(kinds, names, _shares(val, 0.0), _generator(seed))
    else:
        of_others = replace(
            manifest,
            filenames=manifest.filenames.gather(others),
            targets=manifest.targets[others],
            groups=pl.Series(groups[others].tolist()),
        )
        part = grouped(of_others, seed, val=val, test=0.0)
        placed = np.full(len(others), "train", dtype=object)
        placed[part.val] = "val"
    whole = np.full(len(manifest), "test", dtype=object)
    whole[others] = placed
    return from_places(whole, origin)


def _shares(val: float, test: float) -> dict[str, float]:
    """The splits that are asked for, and their shares of the rows."""
    if not (0 < val < 1 and 0 <= test < 1 and val + test < 1):
        mend = "val must be above 0, test 0 or above, and both together under 1"
        raise DataError(Problem(f"val: {val}, test: {test} leave no sound split", where=_WHERE, mend=mend))
    shares = {"train": 1 - val - test, "val": val, "test": test}
    return {name: share for name, share in shares.items() if share > 0}


def _stratified(
    strata: Array, names: tuple[str, ...], shares: Mapping[str, float], generator: np.random.Generator
) -> Array:
    """The split of each row, objects [N]: the shares of each stratum, with a row or more in each split."""
    sizes = np.bincount(strata, minlength=len(names))
    few = [index for index in np.flatnonzero(sizes < len(shares)) if sizes[index]]
    one = len(names) == 1
    mend = "add rows" + (", or set test: 0" if one else ", leave the class out, or set stratify: false")
    problems = {
        int(index): Problem(
            f"{names[index] if one else f'class {names[index]!r}'} has "
            f"{counted(sizes[index], 'row')} for {len(shares)} splits",
            where=_WHERE,
            mend=mend,
        )
        for index in few
    }
    if problems:
        raise DataError(*problems.values()) if one else TooFewRowsError(classes=problems)
    counts = {name: np.maximum(_apportioned(sizes * shares[name]), sizes > 0) for name in shares}
    others = [name for name in shares if name != "train"]
    for index in np.flatnonzero(sizes):
        while sum(counts[name][index] for name in others) >= sizes[index]:  # train keeps a row
            largest = max(others, key=lambda name: int(counts[name][index]))
            counts[largest][index] -= 1
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    rank = np.arange(len(strata)) - (np.cumsum(sizes) - sizes)[strata[order]]
    placed = np.full(len(strata), "train", dtype=object)
    bound = np.zeros(len(names), np.int64)
    for name in others:
        within = (rank >= bound[strata[order]]) & (rank < (bound + counts[name])[strata[order]])
        placed[order[within]] = name
        bound += counts[name]
    return placed


def _apportioned(wanted: Array) -> Array:
    """Whole numbers that sum to the rounded sum of ``wanted``, by the method of largest remainders."""
    counts = np.floor(wanted).astype(np.int64)
    missing = int(np.rint(wanted.sum())) - int(counts.sum())
    counts[np.argsort(counts - wanted, kind="stable")[:missing]] += 1
    return counts


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key_integer(seed, 0x5B117)))


def from_places(placed: Array, origin: str) -> Split:
    """The split from the name of each row's, objects [N]; a row with another name is in none."""
    train, val, test = (np.flatnonzero(placed == name).astype(np.int64) for name in _PLACES)
    return Split(train, val, test, origin)


def _check(split: Split, manifest: Manifest) -> None:
    """DataError where a split can't be trained on: empty, overlapping, or a class that is never trained."""
    rows = np.concatenate([split.train, split.val, split.test])
    outside = rows[(rows < 0) | (rows >= len(manifest))]
    if len(outside):
        what = f"row {outside[0]} is not among the {len(manifest):,} rows of the data"
        raise DataError(Problem(what, where=f"{_WHERE} ({split.origin})"))
    problems = [
        Problem(f"{name} has no row", where=f"{_WHERE} ({split.origin})", mend="give it rows")
        for name in ("train", "val")
        if len(split.rows(name)) == 0
    ]
    if len(np.unique(rows)) < len(rows):
        problems.append(Problem("a row is in two splits", where=f"{_WHERE} ({split.origin})"))
    raise_problems(problems)
    if manifest.target_kind == "class":
        sizes = np.bincount(manifest.targets, minlength=len(manifest.names))
        trained = np.bincount(manifest.targets[split.train], minlength=len(manifest.names))
        mend = "add rows, leave the class out, or split otherwise"
        untrained = {
            int(index): Problem(
                f"class '{manifest.names[index]}' ({counted(sizes[index], 'row')}) has no row in train",
                where=f"{_WHERE} ({split.origin})",
                mend=mend,
            )
            for index in np.flatnonzero((trained == 0) & (sizes > 0))
        }
        if untrained:
            raise TooFewRowsError(classes=untrained)
