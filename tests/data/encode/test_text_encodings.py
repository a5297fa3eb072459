"""Texts to token ids: fitted on the training split, the same after a run has written them down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tokenizers

from epochal.config.component import Component
from epochal.data.encode.encoding import (
    Encoding,
    check_encoder,
    encoding_from_json,
    encoding_to_json,
    fit_encoding,
)
from epochal.errors import ConfigError, DataError, RequestError

TRAIN = ["The cat sat on the mat.", "The dog sat on the log.", "A cat and a dog", "the the the"] * 3


def frame(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"review": texts})


def fit(name: str, texts: list[str] = TRAIN, **arguments: Any) -> Encoding:
    component = Component.model_validate({"name": name, **arguments})
    assert check_encoder(component) == []
    return fit_encoding(component, "text", frame(texts))


def ids(encoding: Encoding, *texts: str) -> list[list[int]]:
    rows = encoding.encode(frame(list(texts))).values.tolist()
    return [[number for number in row if number] for row in rows]


@pytest.mark.parametrize("name", ["bpe", "words", "characters"])
def test_what_a_run_wrote_down_encodes_alike(name: str) -> None:
    encoding = fit(name)
    written = json.loads(json.dumps(encoding_to_json(encoding)))
    again = encoding_from_json(written)
    texts = ["the CAT\tsat", "", "ein Über-Hund 日本 ☃", "a " * 400]
    first, second = encoding.encode(frame(texts)), again.encode(frame(texts))
    assert first.values.tolist() == second.values.tolist()
    assert first.values.dtype == "int32"
    assert again.digest() == encoding.digest() == fit(name).digest()
    assert again.model_facts == encoding.model_facts
    assert first.values.max() < encoding.model_facts["vocabulary"]
    assert first.values[1].max() == 0


def test_byte_pairs_give_frequent_words_one_id_and_any_text_some() -> None:
    encoding = fit("bpe", vocabulary_size=300)
    one, two, snow = ids(encoding, "the", "THE the", "☃")
    assert len(one) == 1
    assert two == one * 2
    assert len(snow) >= 3
    assert 1 not in snow
    assert ids(fit("bpe", lowercase=False), "the") != ids(fit("bpe", lowercase=False), "THE")


def test_byte_pairs_keep_to_the_size_asked_for() -> None:
    assert fit("bpe", vocabulary_size=262).model_facts["vocabulary"] == 262
    with pytest.raises(ConfigError, match="'vocabulary_size' can't be 100; write 258 or more"):
        fit("bpe", vocabulary_size=100)


def test_words_by_frequency_and_what_training_had_not_is_unknown() -> None:
    encoding = fit("words", vocabulary_size=4)
    assert ids(encoding, "The zebra.", "cat cat") == [[2, 1, 3], [1, 1]]
    assert encoding.model_facts == {"vocabulary": 4}
    assert ids(fit("words", min_frequency=4), "and the") == [[1, 2]]


def test_characters() -> None:
    (word,) = ids(fit("characters"), "tat")
    assert word[0] == word[2] != word[1]


def test_a_text_is_cut_and_how_long_it_was_is_told() -> None:
    encoded = fit("words", max_length=3).encode(frame(["the cat sat on the mat", "dog"]))
    assert encoded.values.shape == (2, 3)
    assert encoded.lengths is not None
    assert encoded.lengths.tolist() == [6, 1]
    # as many as are asked for, however short the texts of training are
    assert fit("words", max_length=100).encode(frame(["cat " * 200])).values.all(axis=1).tolist() == [True]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="no column is called 'review'; did you mean 'reviews'"):
        fit("words").encode(pl.DataFrame({"reviews": ["cat"]}))


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A folder with the tokenizer of a BERT: [PAD] is 0, and texts stand between [CLS] and [SEP]."""
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat"])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.enable_padding(length=20)
    made.enable_truncation(4)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_networks_own_tokenizer_keeps_its_ids_and_its_last_token(bert: Path) -> None:
    encoding = fit("transformers", path=str(bert), max_length=5)
    assert ids(encoding, "the cat", "the the cat cat cat", "dog") == [
        [2, 4, 5, 3],
        [2, 4, 4, 5, 3],
        [2, 1, 3],
    ]
    assert encoding.model_facts == {"vocabulary": 6}
    assert ids(fit("tokenizer_file", path=str(bert / "tokenizer.json")), "the") == [[2, 4, 3]]


def test_ids_move_up_where_the_first_one_is_no_padding(tmp_path: Path) -> None:
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"cat": 0, "dog": 1, "?": 2}, unk_token="?"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    encoding = fit("tokenizer_file", path=str(tmp_path / "tokenizer.json"))
    assert ids(encoding, "dog cat owl") == [[2, 1, 3]]
    assert encoding.model_facts == {"vocabulary": 4}


@pytest.mark.parametrize("name", ["tokenizer_file", "transformers"])
def test_a_tokenizer_that_can_not_be_read_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(RequestError, match=r"no tokenizer can be read from '.*tokenizer\.json'"):
        fit(name, path=str(path if name == "tokenizer_file" else tmp_path))
