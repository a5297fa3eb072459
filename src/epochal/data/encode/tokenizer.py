"""Texts as the token ids of Hugging Face's tokenizers: trained here, from a file, or a network's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from epochal.data.encode.text import PADDING, UNKNOWN, TextEncoding, check_at_least, column_of
from epochal.errors import Problem, RequestError
from epochal.optional import is_installed, missing

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Tokenized(TextEncoding):
    """The ids of a tokenizer, plus ``shift`` so that 0 stays free for padding.

    tokenizer: its ``tokenizer.json``, which holds all that it needs.
    """

    kind: ClassVar[str] = "tokenizer"

    column: str
    length: int
    unknown: int | None
    shift: int
    tokenizer: dict[str, Any]

    @cached_property
    def _loaded(self) -> Any:
        return _import_tokenizers().Tokenizer.from_str(json.dumps(self.tokenizer))

    @property
    def vocabulary(self) -> int:
        """The tokenizer's ids, those that were added to it too, and the shift."""
        highest = max(self._loaded.get_vocab(with_added_tokens=True).values())
        return int(highest) + 1 + self.shift

    def ids(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """The ids of each text, with the special tokens that the tokenizer puts around it."""
        for encoded in self._loaded.encode_batch_fast(list(texts)):
            yield [number + self.shift for number in encoded.ids]

    def cut(self, ids: list[int]) -> list[int]:
        """The first ``length`` ids; a special token at the end, as BERT's [SEP], stays there."""
        if len(ids) <= self.length:
            return ids
        ends = self.length > 1 and ids[-1] - self.shift in self._special
        return [*ids[: self.length - 1], ids[-1]] if ends else ids[: self.length]

    @cached_property
    def _special(self) -> frozenset[int]:
        added = self.tokenizer.get("added_tokens") or ()
        return frozenset(token["id"] for token in added if token.get("special"))

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        names = ("column", "length", "unknown", "shift", "tokenizer")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Tokenized:
        """Read back what ``to_json`` gave."""
        return cls(**value)


def bpe(
    train: pl.DataFrame,
    vocabulary_size: int = 8_000,
    lowercase: bool = True,
    max_length: int = 256,
    min_frequency: int = 2,
) -> Tokenized:
    """Byte-level byte-pair encoding, learnt from the training split: frequent words whole, others in parts.

    Sennrich, Haddow & Birch 2016, "Neural machine translation of rare words with subword units", on bytes
    as of GPT-2 (Radford et al. 2019), so that any text of any language has ids.

    vocabulary_size: how many ids at most, 258 or more. max_length: tokens of a text that are kept.
    lowercase: whether case is ignored.
    min_frequency: how often two parts must stand side by side to become one.
    """
    check_at_least(258, vocabulary_size=vocabulary_size)
    check_at_least(1, max_length=max_length, min_frequency=min_frequency)
    package = _import_tokenizers()
    column, texts = column_of(train)
    trained = package.Tokenizer(package.models.BPE())
    normal = package.normalizers
    steps = [normal.NFC(), normal.Lowercase()] if lowercase else [normal.NFC()]
    trained.normalizer = normal.Sequence(steps)
    # with a space before it, a word is the same one at the beginning of a text and inside
    trained.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=True)
    trained.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=["<pad>", "<unk>"],
        initial_alphabet=sorted(package.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    trained.train_from_iterator(iter(texts), trainer)
    assert (trained.token_to_id("<pad>"), trained.token_to_id("<unk>")) == (PADDING, UNKNOWN)
    return Tokenized(column, max_length, UNKNOWN, 0, json.loads(trained.to_str()))


def tokenizer_file(train: pl.DataFrame, path: str, max_length: int = 256) -> Tokenized:
    """A tokenizer as it is written in a ``tokenizer.json``; nothing is learnt but the longest text.

    Where its id 0 is no padding, all ids are one more than the file's. path: of the file.
    max_length: as of ``bpe``.
    Raises RequestError where the file can't be read.
    """
    check_at_least(1, max_length=max_length)
    loaded = _load(Path(path).expanduser())
    pads = loaded.padding is not None and loaded.padding["pad_id"] == 0
    shift = 0 if pads or (loaded.id_to_token(0) or "").strip("<>[]").lower() == "pad" else 1
    return _of_file(loaded, train, max_length, shift)


def transformers(train: pl.DataFrame, path: str, max_length: int = 256) -> Tokenized:
    """The tokenizer in a folder that ``save_pretrained`` of transformers wrote, with a network's own ids.

    It belongs to the model ``transformers_encoder`` of the same folder. path: of the folder.
    max_length: as of ``bpe``.
    Raises RequestError where the folder has none.
    """
    check_at_least(1, max_length=max_length)
    folder = Path(path).expanduser()
    if (folder / "tokenizer.json").is_file():
        return _of_file(_load(folder / "tokenizer.json"), train, max_length, shift=0)
    if not is_installed("transformers"):
        raise missing("transformers", f"the tokenizer in '{folder}'", "data.encode.path")
    from transformers import AutoTokenizer  # seconds, and needed only where there is no tokenizer.json

    try:
        found = AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer
    except (ImportError, OSError, ValueError, AttributeError) as error:
        raise RequestError(_unreadable(str(folder), str(error).strip().splitlines()[0])) from error
    return _of_file(found, train, max_length, shift=0)


def _load(path: Path) -> Any:
    try:
        return _import_tokenizers().Tokenizer.from_file(str(path))
    except RequestError:
        raise
    except Exception as error:  # tokenizers raises no other kind
        raise RequestError(_unreadable(str(path), str(error))) from error


def _unreadable(path: str, reason: str) -> Problem:
    what = f"no tokenizer can be read from '{path}': {reason}"
    return Problem(what, "data.encode.path", "name a tokenizer.json, or the folder that it is in")


def _of_file(loaded: Any, train: pl.DataFrame, max_length: int, shift: int) -> Tokenized:
    loaded.no_padding()
    loaded.no_truncation()
    column, _ = column_of(train)
    model = json.loads(loaded.to_str())["model"]
    written = model.get("unk_token")
    number = model.get("unk_id") if written is None else loaded.token_to_id(written)
    unknown = None if number is None else number + shift
    return Tokenized(column, max_length, unknown, shift, json.loads(loaded.to_str()))


def _import_tokenizers() -> ModuleType:
    """The package, an extra: only who has text needs it."""
    # it warns where a process forks after its threads have worked, which is none of a user's business:
    # our children tokenise nothing
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        import tokenizers
    except ImportError as error:
        what, instead = "this encoding of texts", "set data.encode to words"
        raise missing("tokenizers", what, "data.encode", instead=instead) from error
    return tokenizers
