"""What the pages name, in blocks and in running text, exists."""

from __future__ import annotations

import pytest
from blocks import pages, spans
from names import unknown

from epochal.cli.group import VERBS


@pytest.mark.parametrize("page", pages())
def test_every_verb_option_and_name_of_a_page_exists(page: str) -> None:
    assert unknown(page) == []


def test_the_readme_lists_every_verb() -> None:
    named = {span.text.split()[1] for span in spans("README.md") if span.text.startswith("epochal ")}
    assert set(VERBS) - named == set()
