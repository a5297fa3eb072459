"""What is learnt from the training split before a sample is an array: vocabularies, what fills gaps."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import polars as pl

from epochal.config.component import Component, Registry, import_path
from epochal.data.foreign import check_arguments_of
from epochal.data.manifest import Array
from epochal.errors import ConfigError, Problem


@dataclass(frozen=True)
class Encoded:
    """N samples as numbers.

    values: float32 [N, F] of columns, int32 [N, L] token ids of texts, padded with 0 at the end.
    unseen: of a column, int64 numbers of the rows with a value that the training split did not have; columns
    without any are absent.
    lengths: of texts, the number of tokens that each had before it was cut, int64 [N]; else None.
    """

    values: Array
    unseen: Mapping[str, Array] = field(default_factory=dict)
    lengths: Array | None = None


class Encoding(ABC):
    """Fitted on the training split; afterwards it treats every sample alike. Subclasses are final.

    kind: the name under which it is written down, in ``ENCODINGS``.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """The names of the columns of ``Encoded.values``; none for texts."""

    @property
    @abstractmethod
    def model_facts(self) -> dict[str, Any]:
        """What a network is told: ``cardinalities`` of columns, the size of a ``vocabulary``."""

    @abstractmethod
    def encode(self, frame: pl.DataFrame) -> Encoded:
        """Samples as they were read, N rows, as numbers. DataError naming a column that is not there."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values, all that ``from_json`` needs."""

    @classmethod
    @abstractmethod
    def from_json(cls, value: dict[str, Any]) -> Encoding:
        """Read back what ``to_json`` gave."""

    def digest(self) -> str:
        """Hexadecimal: equal ones encode alike."""
        return hashlib.blake2b(json.dumps(self.to_json()).encode(), digest_size=8).hexdigest()


_HERE = "epochal.data.encode"

ENCODERS = Registry(
    kind="encoding",
    names={
        "bpe": f"{_HERE}.tokenizer:bpe",
        "characters": f"{_HERE}.text:characters",
        "columns": f"{_HERE}.columns:columns",
        "tokenizer_file": f"{_HERE}.tokenizer:tokenizer_file",
        "transformers": f"{_HERE}.tokenizer:transformers",
        "words": f"{_HERE}.text:words",
    },
)
"""What fits an encoding, by name: functions of the training split's rows (a frame) and their settings."""

ENCODINGS: dict[str, str] = {
    "columns": f"{_HERE}.columns:ColumnEncoding",
    "tokenizer": f"{_HERE}.tokenizer:Tokenized",
    "vocabulary": f"{_HERE}.text:Vocabulary",
}
"""Where the class of each kind of encoding is; a user's own has ``package.module:Name`` for its kind."""

SUPPLIED = ("train",)

_DEFAULTS = {"vector": "columns", "text": "bpe"}


def check_encoder(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with the settings: pairs of (argument, problem); ConfigError for an unknown name."""
    return check_arguments_of(ENCODERS, component, SUPPLIED)


def fit_encoding(
    component: Component | None, kind: Literal["vector", "text"], train: pl.DataFrame
) -> Encoding:
    """The encoding of samples of this kind, from the rows of the training split alone.

    component: as ``data.encode`` names it; None for the kind's own. ConfigError where it gives no Encoding.
    """
    component = component or Component(name=_DEFAULTS[kind])
    fitted = ENCODERS.resolve(component.name)(train, **component.arguments)
    if not isinstance(fitted, Encoding):
        what = f"'{component.name}' gave a {type(fitted).__name__}, no Encoding"
        raise ConfigError(Problem(what, "data.encode", f"one of {', '.join(ENCODERS.names)}"))
    return fitted


def encoding_to_json(encoding: Encoding) -> dict[str, Any]:
    """Plain values, by which ``encoding_from_json`` knows what it was."""
    return {"kind": encoding.kind, **encoding.to_json()}


def encoding_from_json(value: dict[str, Any]) -> Encoding:
    """The encoding that a run has written down."""
    plain = {key: entry for key, entry in value.items() if key != "kind"}
    found: Encoding = import_path(ENCODINGS.get(value["kind"], value["kind"]), "encoding").from_json(plain)  # type: ignore[attr-defined]
    return found
