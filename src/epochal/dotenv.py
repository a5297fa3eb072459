"""``.env``: variables of a project that are no part of its code, read before a verb works."""

from __future__ import annotations

import os
import re
from pathlib import Path

from epochal.secrets import is_secret_name, remember

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=
        (?:[ \t]*'([^']*)'[ \t]*(?:\#.*)?$
         |[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:\#.*)?$
         |(.*)$)""",
    re.MULTILINE | re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(folder: Path | None = None) -> None:
    """Set the variables of ``.env`` in a folder, by default the working one, that are not set yet.

    Lines are ``KEY=value``, ``export`` before them or not. A value in quotes may go over lines, ``\\n`` in
    double quotes is a new line, and `` #`` begins a comment; other lines say nothing. What a name marks as a
    secret is one from then on, also where the variable had another value.
    """
    path = (folder or Path.cwd()) / ".env"
    if not path.is_file():  # a virtual environment may be called so
        return
    for key, value in parse_dotenv(path.read_text(encoding="utf-8-sig", errors="replace")).items():
        if is_secret_name(key):
            remember(value)
        os.environ.setdefault(key, value)


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables that the text sets; the last of one name counts."""
    return {found[1]: _value(found) for found in _LINE.finditer(text)}


def _value(found: re.Match[str]) -> str:
    if found[2] is not None:
        return found[2]
    if found[3] is not None:
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), found[3])
    return re.split(r"\s+#", found[4])[0].strip()
