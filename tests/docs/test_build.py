"""The documentation builds without a warning, and says everything that can be named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from pydantic import BaseModel

import epochal
from epochal.cli.errors import DEBUG
from epochal.cli.group import VERBS
from epochal.cli.group import epochal as command_line
from epochal.config.component import Registry
from epochal.config.section import sections_of
from epochal.data.augment import AUGMENT
from epochal.data.encode.encoding import ENCODERS
from epochal.data.prepare import PREPARE
from epochal.data.sources import SOURCES
from epochal.data.split import SPLITS
from epochal.data.transform import TRANSFORMS
from epochal.engine.optimizers import OPTIMIZERS, REFUSED
from epochal.engine.schedules import SCHEDULERS
from epochal.losses.build import LOSSES
from epochal.models.build import MODELS
from epochal.tasks.build import TASKS

pytest.importorskip("sphinx", reason="the oldest versions are tested without it")

REPOSITORY = Path(__file__).parents[2]
PAGES = {
    "sources": (SOURCES,),
    "splits": (SPLITS,),
    "steps": (PREPARE, ENCODERS, AUGMENT, TRANSFORMS),
    "models": (MODELS,),
    "losses": (LOSSES,),
    "tasks": (TASKS,),
}


class Page(HTMLParser):
    """What a built page can be linked by, links to and loads; the texts of its headings and code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.named: set[str] = set()
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.ids |= {values["id"]} if "id" in values else set()
        self.links += [values["href"]] if tag == "a" and "href" in values else []
        self.loads += [values[key] for key in ("src", "href") if tag != "a" and key in values]
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open in ("h2", "h3", "h4", "code", "span"):
            self.named.add(data.strip())


@dataclass(frozen=True)
class Build:
    """What Sphinx said, and every page by its path in the output."""

    said: str
    pages: dict[str, Page]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The documentation as `make docs` builds it, where warnings are errors."""
    output = tmp_path_factory.mktemp("docs")
    html = output / "html"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-b",
            "html",
            "-d",
            output / "read",
            REPOSITORY / "docs",
            html,
        ],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    pages = {str(path.relative_to(html)): Page(path.read_text()) for path in html.rglob("*.html")}
    return Build(done.stdout + done.stderr, pages)


@pytest.fixture
def built(build: Build) -> dict[str, Page]:
    return build.pages


def test_the_pages_build_without_a_warning(build: Build) -> None:
    assert build.said == ""


def test_every_link_leads_somewhere(built: dict[str, Page]) -> None:
    root = Path("/html")
    pages = {str(root / name): page for name, page in built.items()}
    dead = []
    for name, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                os.path.normpath(root / Path(name).parent / unquote(parts.path))
                if parts.path
                else str(root / name)
            )
            anchor = unquote(parts.fragment)
            if target in pages and anchor and anchor not in pages[target].ids:
                dead.append((name, link))
            if target not in pages and target.endswith(".html"):
                dead.append((name, link))
    assert dead == []


def test_a_page_loads_nothing_from_the_network(built: dict[str, Page]) -> None:
    assert sorted(address for page in built.values() for address in page.loads if "//" in address) == []


def test_every_verb_and_every_option_has_its_entry(built: dict[str, Page]) -> None:
    ids = built["reference/cli.html"].ids
    with click.Context(command_line, info_name="epochal") as context:
        for verb in VERBS:
            command = command_line.get_command(context, verb)
            assert command is not None
            for path, each in _commands(f"epochal-{verb}", command):
                assert path in ids
                names = [
                    name for option in each.params if isinstance(option, click.Option) for name in option.opts
                ]
                assert [name for name in names if f"cmdoption-{path}-{name.lstrip('-')}" not in ids] == [], (
                    path
                )


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _commands(f"{path}-{name}", each)


def test_every_variable_that_is_read_has_its_entry(built: dict[str, Page]) -> None:
    read = {
        name
        for path in Path(epochal.__file__).parent.rglob("*.py")
        for name in re.findall(r"""environ(?:\.get\(|\[)"(\w+)""", path.read_text())
    }
    assert {"NO_COLOR", "WORLD_SIZE"} <= read
    assert sorted(read - built["reference/cli.html"].named) == []
    assert DEBUG in built["reference/cli.html"].named


def test_every_key_has_its_entry(built: dict[str, Page]) -> None:
    keys = {".".join(path) for path in _keys(epochal.ExperimentConfig)}
    assert {"seed", "data.batch_size", "training.checkpoint.every", "data.normalize.mean"} <= keys
    ids = built["reference/config.html"].ids
    assert sorted(keys - ids) == []
    assert {"extends", "optimizer.no_decay", "scheduler.warmup"} <= ids


def _keys(section: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        yield (name,)
        for inner in sections_of(field.annotation):
            yield from ((name, *rest) for rest in _keys(inner))


def test_every_public_name_has_its_entry(built: dict[str, Page]) -> None:
    ids = built["reference/api.html"].ids
    assert [name for name in epochal.__all__ if f"epochal.{name}" not in ids] == []
    assert {"epochal.Run.metrics", "epochal.Task.loss", "epochal.Predictor.predict"} <= ids


@pytest.mark.parametrize("page", PAGES)
def test_every_component_has_its_entry(built: dict[str, Page], page: str) -> None:
    named = built[f"reference/{page}.html"].named
    assert [name for registry in PAGES[page] for name in registry.names if name not in named] == []


def test_every_optimizer_and_schedule_has_its_entry(built: dict[str, Page]) -> None:
    named = built["reference/optimizers.html"].named
    assert _listed(OPTIMIZERS) - REFUSED.keys() <= named
    assert _listed(SCHEDULERS) <= named
    assert not named & REFUSED.keys()


def _listed(registry: Registry) -> set[str]:
    assert registry.listing is not None
    names = set(registry.listing())
    assert len(names) > 10
    return names
