"""Pages of Markdown, what steers their blocks, and how what they print is compared."""

from __future__ import annotations

import pytest
from blocks import blocks
from compare import difference
from page import tree
from terminal import entries

PAGE = """# Top

## Inside

<!-- given: a=images(3x2x8) -->
<!-- slow -->
```yaml
# configs/a.yaml
seed: 1
```

1. A list

   ```console
   $ first \\
       more
   out

   put
   $ second
   ```
"""


def test_a_block_knows_where_it_stands_and_what_steers_it() -> None:
    first, second = blocks("page.md", PAGE)
    assert (first.place, first.language, first.path) == ("page.md:8", "yaml", "configs/a.yaml")
    assert first.steers == {"given": "a=images(3x2x8)", "slow": ""}
    assert first.headings == ("Top", "Inside")
    assert second.steers == {}
    assert second.text.startswith("$ first")


@pytest.mark.parametrize("comment", ["<!-- slo -->", "<!-- not run -->", "<!-- not run: -->"])
def test_a_comment_that_steers_nothing_is_told(comment: str) -> None:
    with pytest.raises(AssertionError, match=r"^page.md:1: "):
        blocks("page.md", f"{comment}\n```sh\nls\n```\n")


def test_commands_and_what_they_print() -> None:
    first, second = entries(blocks("page.md", PAGE)[1].text)
    assert first.command == "first \\\n    more"
    assert (first.output, second.output) == ("out\n\nput", "")
    assert second.line == 5
    assert not first.fails
    assert entries("$ a\nerror: no\n")[0].fails


@pytest.mark.parametrize(
    ("expected", "real"),
    [
        ("loss  0.5", "loss  12,345.25\n"),
        ("loss -1e-05", "loss 3"),
        ("took 3 min 2 s", "took 0.25 s"),
        ("of 12.0 MiB", "of 300 B"),
        ("run runs/a/2026-11-21_19-31-12_c6fb1d79", "run runs/a/2025-01-02_03-04-05_0123abcd"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("...\nd", "d"),
        ("epoch 1/2  loss 3  0.1 s  best", "epoch 1/2  loss 3  0.1 s"),
        ("0,a.png,owl,0.25", "0,a.png,owl,3.1234567e-05"),
    ],
)
def test_what_differs_from_run_to_run_is_not_compared(expected: str, real: str) -> None:
    assert difference(expected, real) == ""


@pytest.mark.parametrize(
    ("expected", "real"),
    [
        ("a", "a\nb"),
        ("a b", "ab"),
        ("loss 1", "loss"),
        ("a\n...\nd", "a\nb"),
        ("of 1 B", "of 1 s"),
        ("a...", "ab"),
    ],
)
def test_what_is_printed_otherwise_is_shown(expected: str, real: str) -> None:
    shown = difference(expected, real)
    assert "--- on the page" in shown
    assert "+++ really printed" in shown


def test_a_tree_of_files() -> None:
    drawn = "skin/\n├── configs/\n│   └── a.yaml   the config\n└── README.md\n"
    assert [*tree(drawn)] == ["skin", "skin/configs", "skin/configs/a.yaml", "skin/README.md"]
    listed = "config.yaml    all of it\n                 and more\nplots/\n  loss.png\n"
    assert [*tree(listed)] == ["config.yaml", "plots", "plots/loss.png"]
