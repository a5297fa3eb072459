"""The pages of docs say what the product holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_the_page_of_recipes_shows_them_as_they_are() -> None:
    specification = importlib.util.spec_from_file_location("figures", REPOSITORY / "docs" / "figures.py")
    assert specification is not None
    assert specification.loader is not None
    figures = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(figures)
    assert (REPOSITORY / "docs" / "recipes.md").read_text() == figures.page(), "make docs-figures"
