"""A Sphinx extension: what the reference says is asked of the code when the pages are built.

A page holds a line ``<!-- generated: NAME -->``; the Markdown that ``PARTS[NAME]`` makes takes its place
before the page is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from generated import api, cli, components, config
from generated.anchors import add_anchors
from generated.notebook import notebook_page

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PARTS: dict[str, Callable[[], str]] = {
    "verbs": cli.verbs,
    "verbs.overview": cli.overview,
    "config.keys": config.config_keys,
    "config.defaults": config.config_defaults,
    "api.functions": api.functions,
    "api.classes": api.classes,
    "api.results": api.results,
    "api.errors": api.errors,
    **components.PARTS,
}
"""What may stand in a page: a name, and the function that writes the Markdown."""

_MARK = re.compile(r"^<!-- generated: ([\w.-]+) -->$", re.MULTILINE)
_STEERING = re.compile(r"^<!-- (given|slow|not run|with)\b.*?-->\n", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("source-read", _write_parts)
    app.connect("doctree-read", add_anchors)
    app.connect("autodoc-process-docstring", api.rewrite_docstring)
    app.connect("autodoc-process-signature", api.without_signature)
    app.connect("missing-reference", api.link_public_name)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write_parts(app: Sphinx, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).suffix == ".ipynb":
        source[0] = notebook_page(source[0])
    page = _STEERING.sub("", source[0])  # it is for the tests that run the blocks
    source[0] = _MARK.sub(lambda mark: PARTS[mark[1]](), page)
