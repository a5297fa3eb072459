from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.dotenv import parse_dotenv, read_dotenv
from epochal.secrets import is_secret_name, redacted, redacted_values, secrets_in

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "WANDB_API_KEY",
        "PGPASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWD",
        "SSH_PRIVATE_KEY",
        "AZURE_CREDENTIALS",
        "HTTP_AUTH",
        "GITHUBTOKEN",
        "secret",
        "MYSQL_PWD",
    ],
)
def test_names_that_mark_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "PWD",
        "OLDPWD",
        "GIT_AUTHOR_NAME",
        "TOKENIZERS_PARALLELISM",
        "SSH_AUTH_SOCK",
        "XAUTHORITY",
        "TOKEN_TYPE",
        "KEYBOARD",
        "AWS_SHARED_CREDENTIALS_FILE",
    ],
)
def test_names_that_mark_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key AKIAIOSFODNN7EXAMPLE.", "key ***."),
        ("ghp_" + "a1" * 18, "***"),
        ("token=hf_" + "aB" * 17, "token=***"),
        (f"Bearer {JWT}", "Bearer ***"),
        (f"a\n{KEY}\nb", "a\n***\nb"),
        ("s3://me:pa%24s@host:9000/data", "s3://me:***@host:9000/data"),
        ("+export DB_PASSWORD=correct-horse", "+export DB_PASSWORD=***"),
        ('+API_KEY = "correct-horse"', '+API_KEY = "***"'),
        # what is none
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ('API_KEY = os.environ["API_KEY"]', 'API_KEY = os.environ["API_KEY"]'),
        ("MAX_TOKENS=512 commit 1f4510ec65423968cefc58ec5b86bf9f2b4921f2", None),
    ],
)
def test_well_known_shapes_are_hidden_and_nothing_else(text: str, shown: str | None) -> None:
    assert redacted(text) == (text if shown is None else shown)
    assert redacted(redacted(text)) == redacted(text)


def test_a_value_is_hidden_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = 'kö"rsbær&\\9'
    monkeypatch.setenv("MY_API_KEY", planted)
    for text in (planted, repr(planted), json.dumps(planted), json.dumps(planted, ensure_ascii=False)):
        assert redacted(f"<{text}>").strip("<>'\"") == "***"
    assert redacted("https://x/?k=k%C3%B6%22rsb%C3%A6r%26%5C9") == "https://x/?k=***"
    assert redacted("k&ouml;") == "k&ouml;"


def test_flags_small_numbers_and_paths_are_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("A_TOKEN", "true"), ("B_SECRET", "123456"), ("C_CREDENTIALS", str(tmp_path))):
        monkeypatch.setenv(name, value)
    text = f"true 123456 {tmp_path}"
    assert redacted(text) == text


def test_settings_are_hidden_by_their_value_or_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "sesame-open")
    plain = {
        "source": {"name": "x", "url": "s3://a:b@c", "password": "xyz", "size": 3},
        "tokens": ["[PAD]", "sesame-open"],
        "pad_token": "[PAD]",
        "key_file": "k.pem",
    }
    assert redacted_values(plain) == {
        "source": {"name": "x", "url": "s3://a:***@c", "password": "***", "size": 3},
        "tokens": ["[PAD]", "***"],
        "pad_token": "[PAD]",
        "key_file": "k.pem",
    }
    places = [keys for keys, _ in secrets_in(plain)]
    assert places == [("source", "url"), ("source", "password"), ("tokens", 1)]


def test_dotenv_has_keys_values_quotes_comments_and_export() -> None:
    text = (
        '# of the project\nPLAIN=a b # comment\nexport QUOTED=\'x # y\'\nESCAPED = "one\\ntwo \\"3\\"" # c\n'
        'EMPTY=\nLINES="first\nsecond"\nURL=http://x/#a\nnot a line\n1BAD=x\r\nTWICE=1\nTWICE=2\n'
    )
    assert parse_dotenv(text) == {
        "PLAIN": "a b",
        "QUOTED": "x # y",
        "ESCAPED": 'one\ntwo "3"',
        "EMPTY": "",
        "LINES": "first\nsecond",
        "URL": "http://x/#a",
        "TWICE": "2",
    }


def test_dotenv_sets_only_what_is_not_set_and_its_secrets_are_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("ONE_TOKEN", "from-outside")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    (tmp_path / ".env").write_text("\ufeffONE_TOKEN=from-the-file\nTWO_TOKEN=another-one\nPLACE=visible\n")
    read_dotenv(tmp_path)
    assert (os.environ["ONE_TOKEN"], os.environ["PLACE"]) == ("from-outside", "visible")
    assert redacted("from-outside from-the-file another-one visible") == "*** *** *** visible"


def test_a_folder_called_dotenv_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    read_dotenv(tmp_path)
