"""A component is a name with arguments: ``adam``, ``{name: AdamW, lr: 1e-3}``, ``"my_project.models:Net"``.

The name becomes a callable, and the arguments are checked against the callable's signature before
anything is built. Nothing here imports torch; resolving a name imports the module that it names.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from epochal.config.given import PREFIX, find_given
from epochal.errors import ConfigError, Problem, did_you_mean


class Component(BaseModel):
    """A name and the arguments of what it names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "name" not in value:
            raise ValueError("a component needs a name: write a name, or {name: ..., argument: ...}")
        if not isinstance(value, Mapping | Component):
            raise PydanticCustomError("component_type", "expected a name, or a mapping with one")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A name, or a mapping that holds a name: what the validator above accepts."""
        mapping = handler.resolve_ref_schema(handler(core_schema))
        about: dict[str, Any] = {key: mapping[key] for key in ("title", "description") if key in mapping}
        return {**about, "anyOf": [{"type": "string"}, mapping]}

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as they were written."""
        return dict(self.model_extra or {})

    def dump(self) -> str | dict[str, Any]:
        """The shortest form that reads back as this component."""
        written = self.model_dump(mode="json", exclude_defaults=True)
        return written if len(written) > 1 else self.name


def is_keyed(value: Any) -> bool:
    """Whether a value is a mapping of components, ``{generator: {name: ...}, ...}``, and not one of them."""
    return (
        isinstance(value, Mapping)
        and "name" not in value
        and any(isinstance(entry, Mapping | Component) for entry in value.values())
    )


@dataclass(frozen=True)
class Registry:
    """The names of one kind of component.

    kind: the field's word for it (``optimizer``, ``loss``, ...), used in messages.
    names: name -> ``"module:attribute"``, imported when used.
    fallback: another way to find a name that is not in ``names`` (torch.optim, timm, ...), or None; returns
        None for a name it does not know.
    listing: more names that ``fallback`` knows, for suggestions.
    """

    kind: str
    names: Mapping[str, str]
    fallback: Callable[[str], Callable[..., Any] | None] | None = None
    listing: Callable[[], Iterable[str]] | None = None

    def resolve(self, name: str) -> Callable[..., Any]:
        """The callable that ``name`` means; ConfigError where there is none."""
        if name in self.names:
            return import_path(self.names[name], self.kind)
        if ":" in name:
            return import_path(name, self.kind)
        found = self.fallback(name) if self.fallback else None
        if found is None:
            known = [*self.names, *(self.listing() if self.listing else ())]
            others = f"; known: {', '.join(self.names)}" if self.names else ""
            mend = did_you_mean(name, known) or f"or name your own as 'package.module:Name'{others}"
            raise ConfigError(Problem(f"no {self.kind} is called '{name}'", mend=mend))
        return found


def import_path(path: str, kind: str) -> Callable[..., Any]:
    """The callable at ``package.module:Name``; the working folder and its ``src`` are searched too."""
    if path.startswith(PREFIX):
        return find_given(path, kind)
    module_name, _, attribute = path.partition(":")
    if not (module_name and attribute) or module_name.startswith("."):
        raise ConfigError(Problem(f"'{path}' names no {kind}", mend="write 'package.module:Name'"))
    for folder in (Path.cwd(), Path.cwd() / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            mend = f"looked in the installed packages, {Path.cwd()} and its src"
            raise ConfigError(Problem(f"no module is called '{error.name}'", mend=mend)) from None
        raise ConfigError(Problem(f"importing '{module_name}' failed: {error}")) from error
    except Exception as error:
        raise ConfigError(
            Problem(f"importing '{module_name}' failed: {type(error).__name__}: {error}")
        ) from error
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [name for name in vars(found) if not name.startswith("_")]
            raise ConfigError(Problem(f"'{module_name}' has no '{part}'", mend=did_you_mean(part, public)))
        found = getattr(found, part)
    if not callable(found):
        raise ConfigError(Problem(f"'{path}' is no {kind}: it is not callable"))
    return typing.cast(Callable[..., Any], found)


def check_arguments(
    function: Callable[..., Any],
    name: str,
    arguments: Mapping[str, Any],
    supplied: Iterable[str] = (),
    beside: Iterable[str] = (),
) -> list[tuple[str, Problem]]:
    """What is wrong with calling ``function`` with these arguments: pairs of (argument, problem).

    supplied: parameters that the system passes itself (``params`` of an optimizer); they are neither
        required of the user nor offered. beside: keys of the component that are read elsewhere, and that a
        misspelt one may have been meant for.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return []
    supplied = set(supplied)
    parameters = {
        parameter.name: parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    offered = [key for key in parameters if key not in supplied]
    problems: list[tuple[str, Problem]] = []
    for key, value in arguments.items():
        if key in supplied:
            problems.append((key, Problem(f"'{key}' of {name} is filled in by epochal", mend="leave it out")))
        elif key in parameters:
            problem = _check_type(function, parameters[key], name, value)
            problems += [(key, problem)] if problem else []
        elif not open_ended:
            mend = did_you_mean(key, [*offered, *beside]) or ("it takes no arguments" if not offered else "")
            problems.append((key, Problem(f"{name} takes no '{key}'", mend=mend)))
    for key in offered:
        if parameters[key].default is inspect.Parameter.empty and key not in arguments:
            problems.append(
                ("", Problem(f"{name} needs '{key}'", mend=f"write {{name: {name}, {key}: ...}}"))
            )
    return problems


def _check_type(
    function: Callable[..., Any], parameter: inspect.Parameter, name: str, value: Any
) -> Problem | None:
    """The problem with one value's type, where the annotation is made of plain types."""
    if value is None and parameter.default is None:
        return None  # `size: int = None` is annotated wrongly, and common
    annotation = parameter.annotation
    if isinstance(annotation, str):
        target = function.__init__ if inspect.isclass(function) else function
        try:
            annotation = typing.get_type_hints(target).get(parameter.name, parameter.empty)
        except Exception:  # an annotation of the user's that cannot be evaluated is no mistake in the config
            return None
    annotation = _without_tensors(annotation)
    if annotation is parameter.empty or not _is_plain(annotation):
        return None
    expected = inspect.formatannotation(annotation).replace("typing.", "")
    wrong = Problem(f"'{parameter.name}' of {name} can't be {value!r}", mend=f"expected {expected}")
    try:
        read = TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return wrong
    return wrong if _is_converted(value, read) else None


def _is_converted(value: Any, read: Any) -> bool:
    """Whether pydantic made another kind of number of a value; the callable would get the value itself.

    It reads "0.1" as 0.1, true as 1 and 1000.0 as 1000. An integer for a float is fine.
    """
    if isinstance(value, list | tuple) and isinstance(read, list | tuple):
        return any(_is_converted(*pair) for pair in zip(value, read, strict=True))
    if isinstance(value, Mapping) and isinstance(read, Mapping):
        return any(_is_converted(*pair) for pair in zip(value.values(), read.values(), strict=True))
    is_number = isinstance(read, int | float)
    return is_number and type(read) is not type(value) and not (type(value) is int and type(read) is float)


def _without_tensors(annotation: Any) -> Any:
    """``float`` for ``float | Tensor``, as torch annotates learning rates: YAML writes no tensors."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        if float not in parts:
            return annotation
        kept = tuple(part for part in parts if getattr(part, "__module__", "") != "torch")
        return Union[kept]  # noqa: UP007 (the parts are known only here)
    if origin is tuple:
        return types.GenericAlias(tuple, tuple(_without_tensors(part) for part in parts))
    return annotation


def _is_plain(annotation: Any) -> bool:
    """Whether an annotation holds only what YAML can write, so that a value can be judged by it."""
    if annotation in (int, float, str, bool, type(None), list, tuple, dict, Any, Path):
        return True
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, list, tuple, dict, Sequence):
        return all(arg is ... or _is_plain(arg) for arg in typing.get_args(annotation))
    return False
