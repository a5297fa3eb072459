"""What samples that are texts need beside the others: checks before they are ids, and words in tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from epochal.data.check.texts import TextFacts, shortened, text_facts, texts_of
from epochal.data.config import DataConfig
from epochal.data.encode.encoding import Encoded, Encoding
from epochal.data.encode.text import TextEncoding
from epochal.data.manifest import Array, Source
from epochal.errors import ConfigError, Problem


def check_texts(source: Source, config: DataConfig) -> None:
    """DataError for files that can't be decoded, ConfigError for steps that are not for texts."""
    if source.kind != "text":
        return
    for row in texts_of(source).is_null().arg_true():
        source.read(row)  # which raises what is wrong
    for key, steps in (("prepare", config.prepare), ("transform", config.transform)):
        if steps:
            mend = "leave it out; data.encode says how texts become numbers"
            raise ConfigError(Problem(f"{steps[0].name} is no step for texts", f"data.{key}", mend))


def facts_of_texts(
    source: Source, encoding: Encoding | None, encoded: Encoded | None, train: Array
) -> TextFacts | None:
    """How long the texts of a source are; None where it has none, or their encoding is the user's own.

    train: rows of the training split; without any, all.
    """
    if not isinstance(encoding, TextEncoding) or encoded is None or encoded.lengths is None:
        return None
    known = train if len(train) else np.arange(len(encoded.values))
    return text_facts(source, encoded.values, encoded.lengths, known, encoding.vocabulary, encoding.unknown)


def with_texts(curves: Mapping[str, pl.DataFrame], source: Source) -> dict[str, pl.DataFrame]:
    """Tables of a split, that of mistakes with the beginning of each TEXT where samples are texts."""
    if source.kind != "text" or "errors" not in curves:
        return dict(curves)
    errors = curves["errors"]
    texts = shortened(texts_of(source).gather(errors["INDEX"])).alias("TEXT")
    return {**curves, "errors": errors.with_columns(texts)}
