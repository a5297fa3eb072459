"""A page as its reader follows it: block after block, in a working folder of its own."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blocks import Block
from compare import difference
from given import give
from shell import forget_modules
from terminal import INTERRUPT, Entry, Terminal, entries

from epochal.config.load import load
from epochal.errors import ConfigError
from epochal.experiment.config import load_experiment

_FRAGMENT = "fragment.yaml"
_TREE_LINE = re.compile(r"([│├└─\s]*)(\S+)")
_COMMENT_COLUMN = 16


@dataclass
class Page:
    """What a reader has at hand between two blocks.

    namespace: of all Python blocks.
    """

    terminal: Terminal
    namespace: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def follow(self, block: Block) -> None:
        """Do what the block says, and compare what it shows; AssertionError where the two differ."""
        if given := block.steers.get("given"):
            give(self.terminal.folder, self.terminal.home, given)
        if before := block.steers.get("before"):
            code, said = self.terminal.run(before)
            assert code == 0, said
        kinds: dict[str, Callable[[Block], None]] = {
            "yaml": self._yaml,
            "python": self._python,
            "console": self._console,
            "sh": self._commands,
            "text": self._tree,
        }
        kinds.get(block.language, self._file)(block)

    def _file(self, block: Block) -> Path | None:
        """Write the block where its first line says; None where it says nothing."""
        parse(block)
        if block.path is None:
            return None
        path = self.terminal.folder / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        return path

    def _yaml(self, block: Block) -> None:
        path = self._file(block)
        if path is not None and not is_config(path.name):
            return
        with self._inside(block):
            try:
                if path is None:
                    Path(_FRAGMENT).write_text(block.text)
                    load_experiment(_FRAGMENT, _context(_FRAGMENT))
                else:
                    _check_file(block.path or "")
            except ConfigError as error:
                raise AssertionError(_located(str(error), block)) from None
        if (wanted := block.steers.get("train")) is not None:
            overrides = ["training.epochs=1", "tracking=[]", *shlex.split(wanted)]
            code, said = self.terminal.run(
                shlex.join(["epochal", "train", block.path or _FRAGMENT, *overrides])
            )
            assert code == 0, said

    @contextmanager
    def _inside(self, block: Block) -> Iterator[None]:
        """In the working folder; modules imported from it are forgotten: a later block may change them."""
        before, searched = set(sys.modules), [*sys.path]
        with chdir(self.terminal.folder):
            yield
        sys.path[:] = searched
        forget_modules(before, self.terminal.home)

    def _python(self, block: Block) -> None:
        if self._file(block) is not None:
            return
        with chdir(self.terminal.folder):
            exec(_compiled(block), self.namespace)  # noqa: S102 (what the page tells its reader to run)

    def _console(self, block: Block) -> None:
        overrides = shlex.split(block.steers.get("with", ""))
        for entry in entries(block.text):
            code, said = self.terminal.run(entry.command, overrides, interrupt=entry.is_interrupted)
            place = f"{block.page}:{block.line + entry.line}: $ {entry.command}"
            assert (code != 0) == entry.fails, f"{place}\nexit code {code}\n{said}"
            assert "Traceback" in entry.output or "Traceback" not in said, f"{place}\n{said}"
            wanted = _without_keys(entry)
            differs = difference(wanted, said) if wanted else ""
            assert not differs, f"{place}\n{differs}\n\nin full, it printed\n{said}"

    def _commands(self, block: Block) -> None:
        if self._file(block) is not None:
            return
        code, said = self.terminal.run("set -e\n" + block.text, shlex.split(block.steers.get("with", "")))
        assert code == 0, f"exit code {code}\n{said}"

    def _tree(self, block: Block) -> None:
        """Each name of a tree is there, in one of the folders that hold it."""
        if (folder := block.steers.get("tree")) is None:
            return
        folder, _, rare = folder.partition(" except ")
        folders = [each for each in self.terminal.folder.glob(folder) if each.is_dir()]
        assert folders, f"there is no folder {folder}"
        not_always = [name.rstrip("/") for name in rare.split()]
        wanted = [name for name in tree(block.text) if name not in not_always]
        missing = [name for name in wanted if not any(_there(each, name) for each in folders)]
        assert not missing, f"not in {folder}: {', '.join(missing)}"


def absent(block: Block) -> str:
    """What the block needs and is not on this machine; empty where nothing is."""
    needed = [each.strip() for each in block.steers.get("needs", "").split(";") if each.strip()]
    return ", ".join(
        each for each in needed if not (Path(each).exists() if each.startswith("/") else find_spec(each))
    )


def parse(block: Block) -> None:
    """What holds of every block, run or not: its language is known, and its syntax is right."""
    if block.language == "yaml" and is_config(block.path or _FRAGMENT):
        return
    parsers: dict[str, Callable[[str], object]] = {
        "python": lambda _: _compiled(block),
        "json": json.loads,
        "toml": tomllib.loads,
        "console": entries,
    }
    known = (*parsers, "yaml", "sh", "text", "csv", "ini", "dockerfile", "diff", "mermaid")
    assert block.language in known, f"the block is of '{block.language}'; known: {', '.join(known)}"
    parsers.get(block.language, str)(block.text)


def check_unrun(block: Block, folder: Path) -> None:
    """The same, and of a config its keys and the types of its values."""
    parse(block)
    if block.language == "yaml" and is_config(block.path or _FRAGMENT):
        path = folder / _FRAGMENT
        path.write_text(block.text)
        try:
            load_experiment(path, _context(path), components=False)
        except ConfigError as error:
            raise AssertionError(_located(str(error), block)) from None


def is_config(name: str) -> bool:
    """Files that end with .yml are other programs'."""
    return name.endswith(".yaml") and not name.startswith(".")


def tree(text: str) -> Iterator[str]:
    """The paths that a tree of files shows, drawn with lines or indented; a comment follows each name."""
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = _TREE_LINE.match(line)
        if not found or len(found[1]) >= _COMMENT_COLUMN:
            continue
        depth, name = len(found[1]), found[2]
        above = [(each, folder) for each, folder in above if each < depth]
        yield "/".join([*(folder.rstrip("/") for _, folder in above), name.rstrip("/")])
        above.append((depth, name))


def _there(folder: Path, name: str) -> bool:
    """Whether a name is there; ``{a,b}`` stands for several, of which each must be."""
    braces = re.search(r"\{([^}]*)\}", name)
    if braces is None:
        return any(folder.glob(name))
    return all(_there(folder, name.replace(braces[0], each, 1)) for each in braces[1].split(","))


def _context(config: str | Path) -> list[str]:
    """Overrides that make a whole config of a fragment without data."""
    data = load(config).values.get("data")
    return [] if isinstance(data, dict) and "source" in data else ["data.source=digits"]


def _check_file(path: str) -> None:
    """A config; modules of the reader's own may come later on the page."""
    load_experiment(path, components=False)
    try:
        load_experiment(path)
    except ConfigError as error:
        wrong = [problem for problem in error.problems if not problem.what.startswith("no module is called")]
        if wrong:
            raise ConfigError(*wrong) from None


def _located(message: str, block: Block) -> str:
    """The message with the page's lines in place of the file's."""
    name = re.escape(block.path or _FRAGMENT)
    return re.sub(
        rf"\S*{name}:(\d+)", lambda found: f"{block.page}:{block.line + int(found[1]) - 1}", message
    )


def _compiled(block: Block) -> Any:
    return compile("\n" * (block.line - 1) + block.text, block.page, "exec")


def _without_keys(entry: Entry) -> str:
    return "\n".join(line for line in entry.output.split("\n") if line != INTERRUPT)
