"""What is wrong and what is odd about texts, and how long they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from epochal.data.check.findings import Finding, Subject
from epochal.data.manifest import Array, Source
from epochal.data.problems import counted
from epochal.errors import DataError

_SHOWN = 300


def texts_of(source: Source) -> pl.Series:
    """The texts of a source of kind text, N strings; null where a file can't be decoded."""
    assert source.frame is not None
    return source.frame.to_series()


def shortened(texts: pl.Series) -> pl.Series:
    """The beginnings of texts, for people to read: 300 characters, spaces and line breaks as one space."""
    plain = texts.fill_null("").str.replace_all(r"\s+", " ").str.strip_chars()
    return (
        plain.str.slice(0, _SHOWN)
        + pl.select(
            pl.when(plain.str.len_chars() > _SHOWN).then(pl.lit(" ...")).otherwise(pl.lit(""))
        ).to_series()
    )


def usable_texts(subject: Subject) -> tuple[Array, list[Finding]]:
    """The rows of texts that are neither empty nor undecodable, and errors about the others.

    DataError where none is left.
    """
    faults = text_faults(subject)
    dropped = [row for fault in faults for row in fault.drop]
    good = np.flatnonzero(~np.isin(subject.origin, dropped))
    if not len(good):
        raise DataError(*(problem for fault in faults for problem in fault.problems(5)))
    return good, faults


def text_faults(subject: Subject) -> list[Finding]:
    """Errors: files that can't be decoded, and texts in which there is nothing but space."""
    texts = texts_of(subject.source)
    found = []
    broken = texts.is_null().arg_true().to_list()
    if broken:
        notes = [_why(subject.source, row) for row in broken]
        what, mend = f"{counted(len(broken), 'text')} that can't be decoded", "save it as UTF-8"
        found.append(subject.finding("unreadable_text", "error", what, mend, broken, notes, drop=broken))
    empty = (texts.str.strip_chars() == "").fill_null(False).arg_true().to_list()
    if empty:
        what, mend = f"{counted(len(empty), 'text')} in which there is nothing", "leave it out"
        notes = ["the text is empty"] * len(empty)
        found.append(subject.finding("empty_text", "error", what, mend, empty, notes, drop=empty))
    return found


def _why(source: Source, row: int) -> str:
    try:
        source.read(row)
    except DataError as error:
        return error.problems[0].what
    return "it has changed since it was looked at"


def folded(texts: pl.Series) -> pl.Series:
    """Texts without case, punctuation and the length of spaces: what is equal so says the same."""
    plain = texts.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    return plain.zip_with(plain != "", texts)  # of signs alone, nothing would be left


@dataclass(frozen=True)
class TextFacts:
    """Of N texts, each int64 [N].

    characters: before encoding. tokens: before texts were cut. kept: tokens that are left.
    unknown: those of them that no text of the training split has.
    """

    characters: Array
    tokens: Array
    kept: Array
    unknown: Array

    def summary(self, rows: Array) -> dict[str, float]:
        """Medians and greatest numbers of some rows, and shares of texts cut and of tokens unknown."""
        characters, tokens = self.characters[rows], self.tokens[rows]
        return {
            "characters_median": float(np.median(characters)),
            "characters_max": float(characters.max()),
            "tokens_median": float(np.median(tokens)),
            "tokens_max": float(tokens.max()),
            "truncated": float((tokens > self.kept[rows]).mean()),
            "unknown": float(self.unknown[rows].sum() / max(1, self.kept[rows].sum())),
        }


def text_facts(
    source: Source, ids: Array, tokens: Array, train: Array, vocabulary: int, unknown: int | None
) -> TextFacts:
    """How long texts are, and what they are made of.

    ids: of the tokens, int32 [N, L], padded with 0. tokens: of each text before it was cut, int64 [N].
    train: rows of the training split. unknown: the id of what has none, where there is one.
    """
    known = np.zeros(vocabulary, np.bool_)
    known[ids[train].ravel()] = True
    known[0] = True  # padding
    if unknown is not None:
        known[unknown] = False
    return TextFacts(
        characters=texts_of(source).fill_null("").str.len_chars().to_numpy().astype(np.int64),
        tokens=tokens,
        kept=np.minimum(tokens, ids.shape[1]),
        unknown=(~known[ids]).sum(axis=1),
    )
