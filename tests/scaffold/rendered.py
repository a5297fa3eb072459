"""Projects that are rendered, not written."""

from __future__ import annotations

import functools

import pytest

from epochal.scaffold.kinds import KINDS
from epochal.scaffold.render import Answers, render

every_template = pytest.mark.parametrize("kind", KINDS)
"""A test of ``rendered(kind)``: each template that has a Dockerfile, which minimal has not."""


@functools.cache
def rendered(kind: str) -> dict[str, str]:
    """The files of a project by their paths."""
    return render(Answers("my-skin", "my_skin", kind, "Moles.", "A. B.", "2026-01-31"))
