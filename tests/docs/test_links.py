"""Links lead somewhere, pictures are there, and none is left over."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from blocks import REPOSITORY, addresses, headings, pages

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")


@pytest.mark.parametrize("page", pages())
def test_every_link_and_picture_of_a_page_is_there(page: str) -> None:
    missing = []
    for span in addresses(page):
        if _ELSEWHERE.match(span.text):
            continue
        written, _, anchor = span.text.partition("#")
        path = (REPOSITORY / page).parent / written if written else REPOSITORY / page
        if not path.exists() or not path.resolve().is_relative_to(REPOSITORY):
            missing.append(f"{page}:{span.line}: there is no {span.text}")
        elif anchor and not _is_anchor(path.resolve(), anchor):
            missing.append(f"{page}:{span.line}: no heading of {path.name} is #{anchor}")
    assert missing == []


def test_every_picture_of_docs_is_shown() -> None:
    shown = {
        ((REPOSITORY / page).parent / span.text).resolve() for page in pages() for span in addresses(page)
    }
    assert {path.name for path in (REPOSITORY / "docs" / "images").iterdir() if path not in shown} == set()


def _is_anchor(path: Path, anchor: str) -> bool:
    """Of what is generated when the pages are built, `make docs` says whether it is there."""
    return path.suffix == ".md" and ("<!-- generated:" in path.read_text() or anchor in _anchors(path))


@cache
def _anchors(path: Path) -> set[str]:
    """As GitHub makes them: small letters, blanks as hyphens, no signs; a number where one comes again."""
    found: set[str] = set()
    for title in headings(path.relative_to(REPOSITORY).as_posix()):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        again = sum(
            each == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", each) is not None for each in found
        )
        found.add(f"{slug}-{again}" if again else slug)
    return found
