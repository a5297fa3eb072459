"""A page of Markdown -> its code blocks in order, with what steers them; its links, pictures, code spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).parents[2]
STEERS = ("given", "before", "with", "train", "tree", "needs", "slow", "not run")

_COMMENT = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*", re.DOTALL)
_PATH_LINE = re.compile(r"#\s*((?:[\w.+-]+/)*[\w+-]*\.[\w.]+|(?:[\w.+-]+/)*(?:Dockerfile|Makefile))\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    page: its path from the repository's root. line: that of its first line of text, from 1. steers: what the
    comments above it say, by the words before the colon; "" where nothing follows. headings: those above it,
    the outermost first.
    """

    page: str
    line: int
    language: str
    text: str
    steers: dict[str, str] = field(default_factory=dict)
    headings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """``README.md:12``."""
        return f"{self.page}:{self.line}"

    @property
    def path(self) -> str | None:
        """The file that the block is, where its first line is a comment that is only a path."""
        found = _PATH_LINE.fullmatch(self.text.partition("\n")[0])
        return found[1] if found else None


@dataclass(frozen=True)
class Span:
    """Code in running text, or a link's or a picture's address; row: the first code span of its table row."""

    line: int
    text: str
    row: str = ""


def pages() -> list[str]:
    """README.md and every page of docs that is written by hand, by their paths from the repository's root."""
    written = sorted(
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "docs").rglob("*.md")
        if not {"_build", "generated"} & set(path.parts)
    )
    return ["README.md", *written]


def blocks(page: str, text: str | None = None) -> list[Block]:
    """The fenced blocks of a page, or of ``text`` that stands for it."""
    found: list[Block] = []
    headings: dict[int, str] = {}
    comments: list[tuple[int, str]] = []
    tokens = _tokens(page, text)
    for position, token in enumerate(tokens):
        comment = _COMMENT.fullmatch(token.content) if token.type == "html_block" else None
        if comment:
            comments.append((_line(token), comment[1]))
        elif token.type == "fence" and not token.info.startswith("{"):  # those are Sphinx's directives
            steers = dict(_steer(page, *each) for each in comments)
            place = tuple(headings[level] for level in sorted(headings))
            found.append(Block(page, _line(token) + 1, token.info.strip(), token.content, steers, place))
        elif token.type == "heading_open":
            level = int(token.tag[1:])
            headings = {above: title for above, title in headings.items() if above < level}
            headings[level] = tokens[position + 1].content
        if not comment:
            comments = []
    return found


def headings(page: str) -> list[str]:
    """The titles of a page as they read, in order."""
    tokens = _tokens(page)
    return [
        "".join(child.content for child in tokens[position + 1].children or ())
        for position, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def spans(page: str) -> Iterator[Span]:
    """The code spans of a page's running text and tables."""
    row = ""
    for token in _tokens(page):
        if token.type == "tr_open":
            row = ""
        for child in token.children or ():
            if child.type == "code_inline":
                is_cell = token.level > 2 and token.map is not None
                row = (row or child.content) if is_cell else ""
                yield Span(_line(token), child.content, row)


def prose(page: str) -> Iterator[Span]:
    """The running text of a page without its code."""
    for token in _tokens(page):
        for child in token.children or ():
            if child.type == "text":
                yield Span(_line(token), child.content)


def addresses(page: str) -> Iterator[Span]:
    """Where the links and the pictures of a page lead."""
    for token in _tokens(page):
        for part in (token, *(token.children or ())):
            for key in ("href", "src"):
                if isinstance(address := part.attrs.get(key), str):
                    yield Span(_line(token), address)
            if part.type in ("html_block", "html_inline"):
                yield from (
                    Span(_line(token), written)
                    for written in re.findall(r'\b(?:src|href)="([^"]+)"', part.content)
                )


def _tokens(page: str, text: str | None = None) -> list[Token]:
    text = (REPOSITORY / page).read_text() if text is None else text
    return MarkdownIt("commonmark").enable("table").parse(text)


def _line(token: Token) -> int:
    return (token.map[0] if token.map else 0) + 1


def _steer(page: str, line: int, comment: str) -> tuple[str, str]:
    key, _, value = comment.partition(":")
    key = key.strip()
    place = f"{page}:{line}"
    assert key in STEERS, f"{place}: '{comment}' steers nothing; known: {', '.join(STEERS)}"
    assert key != "not run" or value.strip(), f"{place}: say why: <!-- not run: why -->"
    return key, value.strip()
