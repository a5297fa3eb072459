"""Real tables in the package bokeh-sampledata: passengers of the Titanic, and films."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import polars as pl

from epochal.data.manifest import TargetKind
from epochal.data.sources.draft import Draft
from epochal.data.sources.table import columns_draft, table
from epochal.data.sources.targets import expect_kind
from epochal.data.tables import Table
from epochal.optional import data_folder

_FILMS = """
    select o.Year, o.Runtime, o.Genre, o.Released, o.Language, o.Country, o.Director, o.Rating, o.Oscars,
           t.Reviews, t.BoxOffice, t.Production, case when t.Meter >= 60 then 'fresh' else 'rotten' end Meter
    from omdb o join tomatoes t using (ID) where t.Meter is not null order by o.ID
"""


def titanic(*, target_kind: TargetKind) -> Draft:
    """1,313 passengers: name, class, age (557 are missing), sex, and whether they survived."""
    expect_kind("class", target_kind=target_kind, source="titanic")
    path = data_folder("bokeh_sampledata", "the source titanic") / "_data" / "titanic_all.csv"
    return table(path, target="survived", target_kind=target_kind)


def films(*, types: dict[str, str] | None = None, target_kind: TargetKind) -> Draft:
    """17,453 films (Wikidata, CC0): columns of every kind, gaps; whether 60 % of the reviews are good.

    types: as of ``table``.
    """
    expect_kind("class", target_kind=target_kind, source="films")
    path = data_folder("bokeh_sampledata", "the source films") / "_data" / "movies.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        frame = pl.read_database(_FILMS, connection, infer_schema_length=None)
    rows = Table(path, frame, np.arange(frame.height))
    return columns_draft(rows, "Meter", types or {}, target_kind)
