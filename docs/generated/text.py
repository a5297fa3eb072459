"""Docstrings as the code has them, taken apart and written as Markdown or as reStructuredText.

They say what a thing is in a first paragraph, and then, for each argument or field, ``name: text``; several
may stand in one paragraph, and follow each other in one line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_CODE = re.compile(r"(``.+?``|`[^`\n]+`)", re.DOTALL)
_NEW_SENTENCE = re.compile(r"(?<=\.)\n(?=[A-Z])|(?<=[.;]) (?=(?:Raises|Returns) )")


@dataclass(frozen=True)
class Described:
    """What a docstring says.

    summary: its first paragraph. details: the others, each as text, or verbatim where it is indented or
    begins with ``>>>``. arguments: name, or names that share a text, and what it is.
    """

    summary: str
    details: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)


def described(found: Any, names: Iterable[str]) -> Described:
    """What the docstring of an object says of itself, and of these arguments or fields."""
    return take_apart(inspect.getdoc(found) or "", names)


def take_apart(docstring: str, names: Iterable[str]) -> Described:
    """The same of a docstring whose indentation is removed."""
    one = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    entry = re.compile(rf"(?:^|(?<=[.;:)]) |(?<=\n))((?:{one})(?:, (?:{one}))*): (?=\S)")
    details: list[str] = []
    arguments: dict[str, str] = {}
    paragraphs = re.split(r"\n\s*\n", docstring.strip())
    for paragraph in paragraphs:
        if is_verbatim(paragraph):
            details.append(paragraph)
            continue
        before, *pairs = entry.split(paragraph)
        details += [_joined(before)] if before.strip() else []
        for name, text in zip(pairs[::2], pairs[1::2], strict=True):
            about, *after = _NEW_SENTENCE.split(text.strip(), maxsplit=1)
            arguments[name] = _joined(about).rstrip(".;")
            details += [_joined(rest) for rest in after]
    return Described(details[0].rstrip(";,") if details else "", details[1:], arguments)


def is_verbatim(paragraph: str) -> bool:
    """Whether its lines are to stand as they are: code, or the output of code."""
    return paragraph.startswith((" ", ">>>"))


def markdown(text: str) -> str:
    """Text of a docstring as Markdown."""
    return _outside_code(text, lambda plain: re.sub(r"([\\*_<>\[\]|$])", r"\\\1", plain), "`")


def rst(text: str) -> str:
    """Text of a docstring as reStructuredText."""
    return _outside_code(text, lambda plain: re.sub(r"([\\*|]|_(?=\W|$))", r"\\\1", plain), "``")


_NAMED = re.compile(
    r"""(?<![\w`{\['.:-])(?:
      --?[a-z][\w-]*                                  # an option
    | package\.module:\w+
    | \{(?:[^{}`]|\{[^{}]*\})*\} | \[[^\]`]*\]      # YAML
    | '[^'`]+'                                       # a value
    | (?:data|training|optimizer|paths|compute|evaluation)\.\w+
    | [\w*-]+\.(?:json|csv|yaml|html|png|pdf)
    | \w*[a-z0-9]_\w+
    )(?![\w`]|'\w)""",
    re.VERBOSE,
)


def help_markdown(text: str, names: Iterable[str] = ()) -> str:
    """Help, which is written for a terminal, as Markdown.

    Options, keys, files and ``names``, which are patterns, become code.
    """
    words = "|".join(names)
    named = re.compile(
        rf"{_NAMED.pattern}|(?<![\w`])(?:{words})(?![\w`'])" if words else _NAMED.pattern, re.VERBOSE
    )
    parts = _CODE.split(text)
    coded = (
        part if at % 2 else named.sub(lambda found: f"`{found[0].strip(chr(39))}`", part)
        for at, part in enumerate(parts)
    )
    return markdown("".join(coded))


def sentence(text: str) -> str:
    """With a capital at its beginning, unless it begins with code or a name, and a full stop at its end."""
    first = text[:1].upper() if re.match(r"[a-z]+([ ,;:]|$)", text) else text[:1]
    return f"{first}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")


def _outside_code(text: str, escape: Callable[[str], str], tick: str) -> str:
    parts = _CODE.split(text)
    return "".join(
        f"{tick}{part.strip('`')}{tick}" if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
