"""Anchors that other pages can link: `reference/config.md#training.checkpoint`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def slug(title: str) -> str:
    """GitHub's anchor of a heading; a dotted key stays as it is."""
    title = title.strip().lower()
    return re.sub(r"[^\w\s.-]" if _is_key(title) else r"[^\w\s-]", "", title).replace(" ", "-")


def add_dotted_ids(app: Sphinx, doctree: nodes.document) -> None:  # noqa: ARG001 (Sphinx passes it)
    """Let a section that a dotted key heads be found by that key in the address, too."""
    for section in doctree.findall(nodes.section):
        title = section[0].astext()
        if _is_key(title) and title not in section["ids"]:
            section["ids"].append(title)


def _is_key(title: str) -> bool:
    return re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", title) is not None
