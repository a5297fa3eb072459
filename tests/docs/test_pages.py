r"""Every code block of README.md and of docs is run, in the order of its page, in an empty folder of its own.

The language of a block says what becomes of it:

yaml     With a first line that is only a path (``# configs/skin.yaml``) it is written there and checked as
         `epochal config show` and the checks before training do. Without one it is a fragment: its keys,
         types, components and their arguments are checked, on the digits where it names no data. A path that
         ends with .yml is another program's file, and only written.
python   With such a first line it is written there; else it is executed, in one namespace a page.
console  ``$ command`` lines (a backslash continues one), each followed by what it prints, standard output and
         error together; with nothing below, success is all that is asked. They run in bash; the folder
         and exported variables last. Any number, duration, size, date and run id equals any other, a line
         ``...`` stands for any lines, the home folder is /home/ada, and the page's own is /home/ada/work. A
         command that is to fail prints a line with ``error:``. A line ``^C`` is Ctrl-C after the first epoch.
sh       A script that must succeed; with a path in its first line it is only written.
text     Output or a tree of files, not run. ``json`` and ``toml`` are parsed; ``csv``, ``ini``, ``diff``,
         ``dockerfile``, ``mermaid`` are as they are. With a path in its first line each is written there.

HTML comments on the lines before a block steer it:

given: data/skin=images(3x12x24)   data that is there before (the kinds: given.py)
before: cp a.png b.png             commands that come before, which the page need not show
with: training.epochs=2            overrides that train, crossval, sweep and inspect get in the test
train: data.batch_size=8           the config of this yaml block is trained: one epoch, with these overrides
tree: runs/digits/*                the names in this text block are in (one of) these folders; what is not
                                   always there follows: ``tree: runs/digits/* except profile encoding.json``
needs: aeon; /usr/share/datasets   a Python package or a path, without which only its syntax is checked
slow                               only `make test-slow` runs it
not run: why                       only its syntax is checked, of a config keys and types

Every `epochal VERB`, `--option`, `make TARGET` and `epochal.name` of a page must exist, wherever it stands
(test_names.py), and every link and picture (test_links.py). One page alone: ``pytest tests/docs -k README``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from blocks import blocks, pages
from page import Page, absent, check_unrun
from terminal import Terminal, epochal_server

PAGES = [page for page in pages() if blocks(page)]
SLOW = [page for page in PAGES if any("slow" in block.steers for block in blocks(page))]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with epochal_server(tmp_path_factory.mktemp("epochal")) as folder:
        yield folder


@pytest.fixture
def page(here: Path, tools: Path) -> Iterator[Page]:
    for name in ("work", "state"):
        (here / name).mkdir()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the shell's commands have
    yield Page(Terminal(here / "work", here, here / "state", tools))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, page: Page, subtests: pytest.Subtests) -> None:
    follow(name, page, subtests, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_page_with_its_slow_blocks(name: str, page: Page, subtests: pytest.Subtests) -> None:
    follow(name, page, subtests, slow=True)


def follow(name: str, page: Page, subtests: pytest.Subtests, *, slow: bool) -> None:
    missing: list[str] = []
    for block in blocks(name):
        is_run = "not run" not in block.steers and (slow or "slow" not in block.steers)
        if is_run and (needed := absent(block)):
            missing.append(f"line {block.line} needs {needed}")
            is_run = False
        with subtests.test(block.place):
            try:
                page.follow(block) if is_run else check_unrun(block, page.terminal.state)
            except AssertionError as error:
                differs = str(error)
            else:
                continue
            pytest.fail(differs, pytrace=False)
    if missing:
        with subtests.test(f"{name}, not run"):
            pytest.skip("; ".join(missing))
