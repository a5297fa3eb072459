"""Secrets are kept out of what a run writes down: whatever is known or looks like one is shown as ``***``.

A secret is the value of an environment variable whose name says so, a value of the config under such a key,
and any text of a well-known shape: access keys, tokens, private keys, passwords in URLs.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

ValueT = TypeVar("ValueT")
Keys = tuple[str | int, ...]
Known = re.Pattern[str] | None

SHOWN = "***"
"""What stands where a secret stood."""

_SHORTEST = 6
"""Characters; what is shorter would be found in ordinary words."""

_SURE = (
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|ACCESS_TOKEN|AUTH_TOKEN"
)
_NAME = re.compile(
    rf"{_SURE}|TOKENS?(_|$)|(^|_)(OAUTH\d?|AUTH|AUTHORIZATION)(_|$)|_PWD$"
    r"|(ENCRYPTION|SIGNING|STORAGE|ACCOUNT|MASTER)_KEY"
)
_KEY = re.compile(_SURE, re.IGNORECASE)
"""Keys of a config: not ``token``, by which networks call ``[PAD]`` and the like."""
_ABOUT = re.compile(r"_(FILE|PATH|DIR|SOCK|TYPE|METHOD|MODE|NAME|LENGTH|HOST|PORT|USER|TTL|TIMEOUT)$")
"""Names that say something about a secret and do not hold it."""

_SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|\Z)
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                                   # Amazon
    | \b(?:gh[pousr]_[0-9A-Za-z]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,})
    | \bhf_[0-9A-Za-z]{16,}                                           # Hugging Face
    | \bsk-[\w-]{20,} | \bxox[abprs]-[\w-]{10,} | \bAIza[\w-]{35}     # OpenAI and others, Slack, Google
    | \beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*                               # JSON Web Token
    """,
    re.VERBOSE | re.DOTALL,
)
_URL = re.compile(r"\b([A-Za-z][\w+.-]{1,20}://[^\s/:@\"'<>]*:)[^\s/@\"'<>]+(?=@)")
_ASSIGNED = re.compile(
    r"""\b([A-Z][A-Z0-9_]{2,})(["']?\s*[=:]\s*)(["'])([^"'\s]+)\3|\b([A-Z][A-Z0-9_]{2,})=([^\s"'()\[\]{}$]+)"""
)

_remembered: set[str] = set()


def remember(value: str) -> None:
    """Hold a text that is in no environment variable for a secret, while this process lasts."""
    _remembered.add(value)


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    return _NAME.search(name.upper()) is not None and _ABOUT.search(name.upper()) is None


def redacted(text: str) -> str:
    """The text with ``***`` for every secret in it; also where JSON, HTML or a URL write it otherwise."""
    return _cleaned(text, _known())


def redacted_values(value: ValueT) -> ValueT:
    """The same of every text in plain mappings and lists; all of it under a key such as ``password``."""
    return _redacted(value, False, _known())  # type: ignore[no-any-return]


def secrets_in(value: Any) -> Iterator[tuple[Keys, str]]:
    """Where in plain mappings and lists a text is a secret or holds one; and the text."""
    return _found(value, (), _known())


def _found(value: Any, keys: Keys, known: Known) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _found(entry, (*keys, key), known)
    elif isinstance(value, list | tuple):
        for place, entry in enumerate(value):
            yield from _found(entry, (*keys, place), known)
    elif isinstance(value, str) and _redacted(value, bool(keys) and _is_secret_key(keys[-1]), known) != value:
        yield keys, value


def _redacted(value: Any, secret: bool, known: Known) -> Any:
    if isinstance(value, Mapping):
        return {key: _redacted(entry, _is_secret_key(key), known) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(entry, secret, known) for entry in value]
    if isinstance(value, str) and value:
        return SHOWN if secret else _cleaned(value, known)
    return value


def _known() -> Known:
    """What finds every value that is known to be secret at this moment; None where there is none."""
    named = {value for name, value in os.environ.items() if is_secret_name(name)}
    values = frozenset(filter(_is_telling, named | _remembered))
    return _pattern(values) if values else None


def _cleaned(text: str, known: Known) -> str:
    if known is not None:
        text = known.sub(SHOWN, text)
    text = _SHAPES.sub(SHOWN, text)
    text = _URL.sub(rf"\1{SHOWN}", text)
    return _ASSIGNED.sub(_without_value, text)


def _is_secret_key(key: object) -> bool:
    return _KEY.search(str(key)) is not None and _ABOUT.search(str(key).upper()) is None


@lru_cache(maxsize=4096)
def _is_telling(value: str) -> bool:
    """Whether a value is worth hiding: no flag, no small number, not the path of a file that holds it."""
    if len(value) < _SHORTEST or (value.isdecimal() and len(value) < _SHORTEST + 2):
        return False
    return not (os.path.isabs(value) and os.path.exists(value))


@lru_cache(maxsize=8)
def _pattern(values: frozenset[str]) -> re.Pattern[str]:
    forms = {
        form
        for value in values
        for form in (
            *(value, value.strip(), repr(value)[1:-1], html.escape(value), quote(value, safe="")),
            *(json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]),
        )
    }
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))


def _without_value(found: re.Match[str]) -> str:
    """An assignment to a variable whose name marks it, as a diff or a script has it."""
    name, value = found[1] or found[5], found[4] or found[6]
    if not is_secret_name(name) or not _is_telling(value):
        return found[0]
    return f"{name}={SHOWN}" if found[5] else f"{name}{found[2]}{found[3]}{SHOWN}{found[3]}"
