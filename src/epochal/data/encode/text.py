"""Texts as token ids: what the encodings of texts share, and words or characters as tokens."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import polars as pl

from epochal.data.encode.encoding import Encoded, Encoding
from epochal.errors import ConfigError, DataError, Problem, did_you_mean

PADDING, UNKNOWN = 0, 1
"""The ids of what fills a row up, and of a token that the training split had not."""

_AT_ONCE = 1000
_WORD = re.compile(r"\w+|[^\w\s]")


class TextEncoding(Encoding):
    """Texts of one column to token ids, of which each text keeps the first ``length``.

    column: its name in tables. length: the most tokens of a text. unknown: the id of a token that there is
    no other for; None where there is none such.
    """

    column: str
    length: int
    unknown: int | None

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """The number of ids, padding among them."""

    @abstractmethod
    def ids(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """The ids of each text, all of them."""

    def cut(self, ids: list[int]) -> list[int]:
        """The first ``length`` of a text's ids."""
        return ids[: self.length]

    @property
    def features(self) -> tuple[str, ...]:
        """None: a text is no row of columns."""
        return ()

    @property
    def model_facts(self) -> dict[str, Any]:
        """``vocabulary``."""
        return {"vocabulary": self.vocabulary}

    def encode(self, frame: pl.DataFrame) -> Encoded:
        """Ids int32 [N, length], 0 behind a text's end; DataError where the column is not there."""
        if self.column not in frame.columns:
            mend = did_you_mean(self.column, frame.columns)
            raise DataError(Problem(f"no column is called '{self.column}'", mend=mend))
        texts = frame[self.column].cast(pl.String).fill_null("")
        values = np.full((len(texts), self.length), PADDING, np.int32)
        lengths = np.zeros(len(texts), np.int64)
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE].to_list()
            for row, ids in enumerate(self.ids(some), start):
                lengths[row] = len(ids)
                kept = self.cut(ids)
                values[row, : len(kept)] = kept
        return Encoded(values, lengths=lengths)


def check_at_least(least: int, **settings: int) -> None:
    """ConfigError where a number of tokens is too small."""
    for name, value in settings.items():
        if value < least:
            mend = f"write {least} or more"
            raise ConfigError(Problem(f"'{name}' can't be {value}", f"data.encode.{name}", mend))


def column_of(train: pl.DataFrame) -> tuple[str, pl.Series]:
    """The name and the texts of the one column of a frame."""
    return train.columns[0], train.to_series().fill_null("")


@dataclass(frozen=True)
class Vocabulary(TextEncoding):
    """The most frequent words, or characters, of the training split; ids from 2 on by frequency.

    split: ``words`` or ``characters``. lowercase: whether case is lost.
    """

    kind: ClassVar[str] = "vocabulary"
    column: str
    length: int
    split: str
    lowercase: bool
    tokens: tuple[str, ...]
    unknown: int | None = UNKNOWN

    @property
    def vocabulary(self) -> int:
        """The tokens, padding and the unknown one."""
        return len(self.tokens) + 2

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens, 2)}

    def ids(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """The ids of each text's words or characters."""
        numbers = self._numbers
        for text in texts:
            yield [numbers.get(token, UNKNOWN) for token in _split(text, self.split, self.lowercase)]

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "tokens": list(self.tokens)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Vocabulary:
        """Read back what ``to_json`` gave."""
        return cls(**{**value, "tokens": tuple(value["tokens"])})


def words(
    train: pl.DataFrame,
    vocabulary_size: int = 20_000,
    lowercase: bool = True,
    max_length: int = 256,
    min_frequency: int = 2,
) -> Vocabulary:
    """Words and signs of the training split, in any language that puts spaces between words.

    vocabulary_size: how many ids at most. max_length: tokens of a text that are kept. lowercase: whether
    case is ignored. min_frequency: how often a word must stand in the training split to have an id of its
    own.
    """
    return _vocabulary(train, "words", vocabulary_size, lowercase, max_length, min_frequency)


def characters(
    train: pl.DataFrame,
    vocabulary_size: int = 2_000,
    lowercase: bool = True,
    max_length: int = 512,
    min_frequency: int = 1,
) -> Vocabulary:
    """Characters of the training split.

    vocabulary_size, lowercase, max_length, min_frequency: as of ``words``.
    """
    return _vocabulary(train, "characters", vocabulary_size, lowercase, max_length, min_frequency)


def _vocabulary(
    train: pl.DataFrame, split: str, size: int, lowercase: bool, max_length: int, min_frequency: int
) -> Vocabulary:
    check_at_least(3, vocabulary_size=size)
    check_at_least(1, max_length=max_length, min_frequency=min_frequency)
    column, texts = column_of(train)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_split(text, split, lowercase))
    # ties by the alphabet: the order of rows must not decide
    frequent = sorted((-count, token) for token, count in counts.items() if count >= min_frequency)
    tokens = tuple(token for _, token in frequent[: size - 2])
    return Vocabulary(column, max_length, split, lowercase, tokens)


def _split(text: str, split: str, lowercase: bool) -> list[str]:
    text = text.lower() if lowercase else text
    return _WORD.findall(text) if split == "words" else list(text)
