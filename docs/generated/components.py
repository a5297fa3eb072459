"""What each kind of component is called and takes, from the registries and the signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any

import torch
from torch.optim import lr_scheduler

from epochal.config.component import Registry
from epochal.data import augment, prepare, sources, split, transform
from epochal.data.encode import encoding
from epochal.engine import optimizers, schedules
from epochal.losses.build import LOSSES
from epochal.models import build as models
from epochal.tasks import build as tasks
from generated.text import Described, described, markdown, sentence
from generated.words import code, hints_of, type_words

_PYTORCH = "https://docs.pytorch.org/docs/stable/generated"
_DEPRECATED = ("size_average", "reduce")  # by PyTorch, in favour of reduction


def sections(registry: Registry, supplied: Collection[str] = (), *, level: int = 3) -> str:
    """A heading for each name, what it is, and a table of its arguments."""
    return "\n".join(line for name in registry.names for line in _section(registry, name, supplied, level))


def _section(registry: Registry, name: str, supplied: Collection[str], level: int) -> Iterator[str]:
    function = registry.resolve(name)
    known = inspect.signature(function).parameters
    about = described(function, known)
    yield from (f"{'#' * level} {name}", "", markdown(sentence(about.summary)), "")
    yield from _arguments(function, about, supplied)
    for paragraph in about.details:
        if paragraph.startswith("Raises "):  # whoever writes a config reads the error itself
            continue
        yield from (markdown(paragraph), "")


def _arguments(function: Callable[..., Any], about: Described, supplied: Collection[str]) -> Iterator[str]:
    shown = [p for p in inspect.signature(function).parameters.values() if p.name not in supplied]
    if not shown:
        return
    hints = hints_of(function)
    yield from ("{.arguments}", "| argument | type | default | |", "|---|---|---|---|")
    for parameter in shown:
        default = "required" if parameter.default is parameter.empty else code(parameter.default)
        kind = type_words(hints.get(parameter.name, Any)).replace("|", "\\|")
        text = next(
            (text for names, text in about.arguments.items() if parameter.name in names.split(", ")), ""
        )
        yield f"| `{parameter.name}` | {kind} | {default} | {markdown(text)} |"
    yield ""


def torch_losses() -> str:
    """The losses of torch.nn, each with both of its names."""
    own = {
        name: path.removeprefix("torch.nn:")
        for name, path in LOSSES.names.items()
        if path.startswith("torch.")
    }
    short = {path: name for name, path in own.items() if name != path}
    rows = [(short[path], path, getattr(torch.nn, path)) for path in sorted(short)]
    head = ["| name | PyTorch's own name | arguments and defaults |", "|---|---|---|"]
    return "\n".join(
        head
        + [
            f"| `{name}` | [`{path}`]({_PYTORCH}/torch.nn.{path}.html) | {_defaults(found, _DEPRECATED)} |"
            for name, path, found in rows
        ]
    )


def our_losses() -> str:
    """Those that torch.nn lacks."""
    ours = {name: path for name, path in LOSSES.names.items() if not path.startswith("torch.")}
    return sections(Registry("loss", ours))


def torch_optimizers() -> str:
    """The classes of torch.optim."""
    return _torch_table(optimizers.OPTIMIZERS, torch.optim, optimizers.SUPPLIED, optimizers.REFUSED)


def torch_schedulers() -> str:
    """The classes of torch.optim.lr_scheduler."""
    return _torch_table(schedules.SCHEDULERS, lr_scheduler, schedules.SUPPLIED)


def _torch_table(
    registry: Registry, module: ModuleType, supplied: Collection[str], refused: Collection[str] = ()
) -> str:
    assert registry.listing is not None
    rows = []
    for name in sorted(set(registry.listing()).difference(refused)):
        link = f"{_PYTORCH}/{module.__name__}.{name}.html"
        rows.append(f"| [`{name}`]({link}) | {_defaults(getattr(module, name), supplied)} |")
    return "\n".join(["| name | arguments and defaults |", "|---|---|", *rows])


def _defaults(function: Callable[..., Any], hidden: Collection[str]) -> str:
    """The arguments in one line: those that are needed by their names, the others with their defaults."""
    shown = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.name not in hidden and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    return ", ".join(
        f"`{p.name}`" if p.default is p.empty else f"`{p.name}: {code(p.default).strip('`')}`" for p in shown
    )


PARTS: dict[str, Callable[[], str]] = {
    "sources": lambda: sections(sources.SOURCES, sources.SUPPLIED, level=2),
    "splits": lambda: sections(split.SPLITS, split.SUPPLIED, level=2),
    "prepare": lambda: sections(prepare.PREPARE),
    "encode": lambda: sections(encoding.ENCODERS, encoding.SUPPLIED),
    "transform": lambda: sections(transform.TRANSFORMS),
    "augment": lambda: sections(augment.AUGMENT, augment.SUPPLIED),
    "models": lambda: sections(models.MODELS, models.SUPPLIED, level=2),
    "losses": our_losses,
    "losses.torch": torch_losses,
    "tasks": lambda: sections(tasks.TASKS, tasks.SUPPLIED, level=2),
    "optimizers": torch_optimizers,
    "schedulers": torch_schedulers,
}
"""The parts of pages that list components."""
