"""A split of the samples; classes with too few of them to be split are set aside and told."""

from __future__ import annotations

import numpy as np

from epochal.config.component import Component
from epochal.data.check.findings import listed
from epochal.data.check.reading import Reading
from epochal.data.split import Split, TooFewRowsError, build_split
from epochal.errors import DataError, Problem


def split_usable(
    reading: Reading, component: Component | None, seed: int, *, checked: bool
) -> tuple[Reading, Split]:
    """The split, and the samples that it is of: where they are checked, those of classes that can be split.

    Raises DataError where the split can't be made all the same.
    """
    whole = reading
    aside: dict[str, Problem] = {}
    while True:
        try:
            return reading, build_split(component, reading.source.manifest, seed)
        except TooFewRowsError as error:
            names = reading.source.manifest.names
            if not checked or len(names) - len(error.classes) < 2:
                raise DataError(*aside.values(), *error.problems) from None
            aside |= {names[index]: problem for index, problem in error.classes.items()}
            # all from the whole at once: so it is the same whichever was found first
            reading = _without(whole, aside)
        except DataError as error:
            raise DataError(*aside.values(), *error.problems) from None


def _without(reading: Reading, aside: dict[str, Problem]) -> Reading:
    """The reading without some classes, each with what is wrong with it."""
    manifest = reading.source.manifest
    is_aside = np.isin(manifest.targets, [manifest.names.index(name) for name in aside])
    rows = np.flatnonzero(is_aside)
    notes = [aside[manifest.names[place]].what for place in manifest.targets[rows].tolist()]
    what = f"too few samples of {listed(list(aside))} to split"
    mend = next(iter(aside.values())).mend
    finding = reading.subject.finding("too_few_to_split", "error", what, mend, rows, notes, drop=rows)
    return reading.some(np.flatnonzero(~is_aside), [finding])
