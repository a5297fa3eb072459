"""What the checks found: one finding a kind of fault, with every row that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from epochal.console import log
from epochal.data.check.exclude import subset
from epochal.data.manifest import Array, Source
from epochal.data.problems import SHOWN, counted
from epochal.errors import DataError, Problem, shown

Severity = Literal["error", "warning"]
Strictness = Literal["strict", "warn", "off"]

_LISTED = 100
"""Rows of one finding that are written into a file."""
_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One kind of fault.

    severity: ``error`` for what makes results wrong. what: a sentence without a full stop. count: rows,
    columns or classes that have it. rows: of the whole source, before any is left out. places: where each
    of them is, as a user finds it; of what is no row, a folder or none. notes: what is wrong with each, where
    that differs; else none.
    drop: the rows to leave out so that it is mended; none where that does not mend it.
    """

    kind: str
    severity: Severity
    what: str
    mend: str
    count: int
    rows: tuple[int, ...] = ()
    filenames: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    drop: dict[int, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the first 100 rows."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "what": self.what,
            "count": self.count,
            "rows": list(self.rows[:_LISTED]),
            "filenames": list(self.filenames[:_LISTED]),
            "mend": self.mend,
        }

    def problems(self, most: int) -> list[Problem]:
        """One problem a place, at most so many and then a count; one in all where they differ in nothing."""
        if not self.notes:
            where = self.places[0] if len(self.places) == 1 else ""
            return [Problem(self.what if where else self._with_places(), where, self.mend)]
        shown = [
            Problem(note, where=place, mend=self.mend)
            for note, place in list(zip(self.notes, self.places, strict=True))[:most]
        ]
        more = len(self.places) - len(shown)
        return shown + ([Problem(f"and {counted(more, 'more row')}: {self.what}")] if more else [])

    def line(self) -> str:
        """All of it in one line, with the first rows."""
        return f"{self._with_places()}; {self.mend}"

    def _with_places(self) -> str:
        some = ", ".join(shown(place) for place in self.places[:3]) + (
            ", ..." if len(self.places) > 3 else ""
        )
        return f"{self.what} ({some})" if some else self.what


@dataclass(frozen=True)
class Subject:
    """What is checked, and how its rows are named.

    source: the samples. origin: int64 [N], the row of each in the whole source, before any was left out.
    places: N texts, where each is: a path, the line of a table, or the row.
    """

    source: Source
    origin: Array
    places: Sequence[str]

    def some(self, rows: Array) -> Subject:
        """These rows alone."""
        return Subject(
            subset(self.source, rows), self.origin[rows], [self.places[row] for row in rows.tolist()]
        )

    def finding(
        self,
        kind: str,
        severity: Severity,
        what: str,
        mend: str,
        rows: Sequence[int] | Array,
        notes: Sequence[str] = (),
        drop: Sequence[int] | Array = (),
    ) -> Finding:
        """A finding about these rows of the source."""
        index = np.asarray(rows, np.int64)
        filenames = self.source.manifest.filenames
        return Finding(
            kind,
            severity,
            what,
            mend,
            count=len(index),
            rows=tuple(self.origin[index].tolist()),
            filenames=tuple(filenames.gather(index).to_list()),
            places=tuple(self.places[row] for row in index.tolist()),
            notes=tuple(notes),
            drop={int(self.origin[row]): filenames[int(row)] for row in drop},
        )


def listed(names: Sequence[str]) -> str:
    """The first five names, each in quotes, and the number of the others."""
    text = ", ".join(f"{name!r}" for name in names[:_NAMED])
    return text + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def problems_of(findings: Sequence[Finding]) -> list[Problem]:
    """The problems of the errors among them, some 20 in all."""
    errors = [finding for finding in findings if finding.severity == "error"]
    each = max(2, SHOWN // max(1, len(errors)))
    return [problem for finding in errors for problem in finding.problems(each)]


def act_on(findings: Sequence[Finding], checks: Strictness) -> None:
    """Under ``strict`` raise one DataError with all errors, some 20 lines; otherwise log each in a line."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors or checks != "strict":
        for finding in findings:
            log.warning(finding.line())
        return
    problems = problems_of(errors)
    drop = any(finding.drop for finding in errors)
    listed = "`epochal inspect CONFIG -o FOLDER` writes drop.csv: train with data.exclude=FOLDER/drop.csv, or"
    how = f"{listed if drop else 'mend it, or'} go on as it is with data.checks=warn"
    raise DataError(*problems, Problem(f"the data is not fit to train on; {how}"))
