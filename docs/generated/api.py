"""The public names of the package, for autodoc: its directives, and its docstrings as it takes them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pydantic import BaseModel
from sphinx.util.nodes import make_refnode

import epochal
from generated.text import Described, is_verbatim, rst, take_apart

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_PUBLIC = {name: getattr(epochal, name) for name in epochal.__all__}


def functions() -> str:
    """Every verb."""
    return _directives("autofunction", [name for name, found in _PUBLIC.items() if inspect.isfunction(found)])


def classes() -> str:
    """What functions take and return, and what projects build on."""
    found = [name for name, each in _PUBLIC.items() if inspect.isclass(each) and not _is_error(each)]
    return _directives("autoclass", found, ":members:", ":exclude-members: model_config")


def results() -> str:
    """What functions return that has no public name of its own."""
    hints = [
        inspect.signature(each).return_annotation for each in _PUBLIC.values() if inspect.isfunction(each)
    ]
    paths = {}
    for function, hint in zip(
        [each for each in _PUBLIC.values() if inspect.isfunction(each)], hints, strict=True
    ):
        found = getattr(inspect.getmodule(function), hint, None)
        if inspect.isclass(found) and hint not in _PUBLIC and found.__module__.startswith("epochal."):
            paths[hint] = f"{found.__module__}.{hint}"
    return _directives("autoclass", [path for _, path in sorted(paths.items())], ":members:", prefix="")


def errors() -> str:
    """The exceptions."""
    found = [name for name, each in _PUBLIC.items() if inspect.isclass(each) and _is_error(each)]
    return _directives("autoexception", found, ":show-inheritance:")


def _is_error(found: type) -> bool:
    return issubclass(found, BaseException)


def _directives(directive: str, names: list[str], *options: str, prefix: str = "epochal.") -> str:
    lines = ["```{eval-rst}"]
    for name in names:
        lines += [f".. {directive}:: {prefix}{name}", *(f"   {option}" for option in options), ""]
    return "\n".join([*lines, "```"])


def rewrite_docstring(
    app: Sphinx,  # noqa: ARG001 (Sphinx passes it, as the others)
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    found: Any,
    options: Any,  # noqa: ARG001
    lines: list[str],
) -> None:
    """Our docstrings as reStructuredText, with arguments and fields as lists of them."""
    about = take_apart("\n".join(lines), _names(found))
    lines[:] = "\n\n".join(_parts(about)).split("\n")


def without_signature(
    app: Sphinx,  # noqa: ARG001
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    found: Any,
    options: Any,  # noqa: ARG001
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None] | None:
    """A section of the config is read from a file: its keys are a page of their own."""
    if inspect.isclass(found) and (issubclass(found, BaseModel) or _is_error(found)):
        return "", None
    return signature, returns


def link_public_name(
    app: Sphinx,
    env: BuildEnvironment,
    node: pending_xref,
    content: nodes.TextElement,
) -> nodes.reference | None:
    """A type is called by its module where it is used, and documented as ``epochal.Name``."""
    name = node.get("reftarget", "").rpartition(".")[2]
    place = env.domains.python_domain.objects.get(f"epochal.{name}")
    if node.get("refdomain") != "py" or place is None:
        return None
    return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, content, f"epochal.{name}")


def _names(found: Any) -> set[str]:
    """Arguments and fields that a docstring may speak of."""
    if not callable(found):
        return set()
    names = set(inspect.signature(found).parameters)
    return (
        names | {name for name in vars(found) if not name.startswith("_")}
        if inspect.isclass(found)
        else names
    )


def _parts(about: Described) -> list[str]:
    prose = [each for each in about.details if not each.startswith("Raises ")]
    paragraphs = [each if is_verbatim(each) else _linked(each) for each in (about.summary, *prose)]
    raises = [_linked(each) for each in about.details if each not in prose]
    listed = [
        f":param {name}: {_linked(text)}"
        for names, text in about.arguments.items()
        for name in names.split(", ")
    ]
    return [*paragraphs, "\n".join(listed), *raises, ""]


def _linked(text: str) -> str:
    """The text as reStructuredText, where public names lead to their entries."""
    linked = re.sub(r"``(?:epochal\.)?(\w+)(?:\(.*?\))?``", _reference, rst(text))
    return re.sub(
        rf"\b({'|'.join(name for name in _PUBLIC if name.endswith('Error'))})\b", _reference, linked
    )


def _reference(found: re.Match[str]) -> str:
    name = found[1]
    called = "epochal." in found[0] or not inspect.isfunction(_PUBLIC.get(name))
    return f":py:obj:`{name} <epochal.{name}>`" if name in _PUBLIC and called else found[0]
