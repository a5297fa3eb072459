"""Anchors that other pages can link: `config.md#training.checkpoint`, `api.md#epochal.train`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def slug(title: str) -> str:
    """GitHub's anchor of a heading; a dotted key stays as it is."""
    title = title.strip().lower()
    return re.sub(r"[^\w\s.-]" if _is_key(title) else r"[^\w\s-]", "", title).replace(" ", "-")


def add_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Let a key be found by its dotted name, and let pages link Python names and options by their anchors."""
    known = app.env.metadata[app.env.current_document.docname].setdefault("myst_slugs", {})
    for described in doctree.findall(addnodes.desc_signature):
        known.update({each: (described.line, each, described.astext()) for each in described["ids"]})
    for section in doctree.findall(nodes.section):
        title = section[0].astext()
        if _is_key(title) and title not in section["ids"]:
            section["ids"].append(title)


def _is_key(title: str) -> bool:
    return re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", title) is not None
