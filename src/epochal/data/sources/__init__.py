"""Where samples come from: one file per kind of source."""

from __future__ import annotations

import inspect
import traceback
from dataclasses import replace
from typing import Any

from epochal.config.component import Component, Registry
from epochal.data.manifest import Source, TargetKind
from epochal.data.sources.draft import Draft
from epochal.data.sources.targets import no_targets
from epochal.errors import ConfigError, EpochalError, Problem

_HERE = "epochal.data.sources"

SOURCES = Registry(
    kind="source",
    names={
        "arrays": f"{_HERE}.arrays:arrays",
        "breast_cancer": f"{_HERE}.sklearn_data:breast_cancer",
        "diabetes": f"{_HERE}.sklearn_data:diabetes",
        "digits": f"{_HERE}.sklearn_data:digits",
        "films": f"{_HERE}.bokeh_data:films",
        "folder": f"{_HERE}.folder:folder",
        "forecast": f"{_HERE}.forecast:forecast",
        "glucose": f"{_HERE}.package_series:glucose",
        "idx": f"{_HERE}.idx:idx",
        "movie_reviews": f"{_HERE}.movie_reviews:movie_reviews",
        "shards": f"{_HERE}.shards:shards",
        "series": f"{_HERE}.series:series",
        "spoken_prompts": f"{_HERE}.spoken_prompts:spoken_prompts",
        "table": f"{_HERE}.table:table",
        "text_folder": f"{_HERE}.text_folder:text_folder",
        "tissue": f"{_HERE}.tissue:tissue",
        "titanic": f"{_HERE}.bokeh_data:titanic",
        "ts": f"{_HERE}.ts:ts",
        "ucr": f"{_HERE}.package_series:ucr",
        "wine": f"{_HERE}.sklearn_data:wine",
    },
)
"""The sources by name; a function takes its arguments and ``target_kind``, and gives a Source or a Draft."""

SUPPLIED = ("target_kind",)
"""What the system passes to a source itself, where it takes it."""


def build_source(component: Component, target_kind: TargetKind) -> Source:
    """The source that a component names; a Dataset of the user's is wrapped.

    Where the task needs no targets (``none``), those that a source has are left out.

    Raises DataError, with all that is wrong in the data, and ConfigError where the name means no source.
    """
    found = open_source(component, target_kind)
    return found.source() if isinstance(found, Draft) else found


def open_source(component: Component, target_kind: TargetKind) -> Source | Draft:
    """The same, or what it is made of where single samples may be wrong and can be set aside."""
    function = SOURCES.resolve(component.name)
    arguments = component.arguments
    if "target_kind" in _parameters(function):
        arguments["target_kind"] = target_kind
    try:
        result = function(**arguments)
    except EpochalError:
        raise
    except Exception as error:
        if component.name in SOURCES.names:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{component.name} failed: {type(error).__name__}: {error}"
        raise ConfigError(Problem(what, where=f"{frame.filename}:{frame.lineno}")) from error
    if isinstance(result, Source) and target_kind == "none":
        return _without_targets(result)
    if isinstance(result, Source | Draft):
        return result
    if hasattr(result, "__getitem__") and hasattr(result, "__len__"):
        from epochal.data.sources.dataset import from_dataset  # only a Dataset needs torch

        return from_dataset(result, target_kind=target_kind, name=component.name)
    what = f"'{component.name}' gives a {type(result).__name__}, which is no map-style Dataset"
    mend = "it needs __len__ and __getitem__, whose items are (input, target) or a dict"
    raise ConfigError(Problem(what, where="data.source", mend=mend))


def _without_targets(source: Source) -> Source:
    manifest = source.manifest
    targets = no_targets(len(manifest))
    plain = replace(manifest, targets=targets, target_kind="none", names=())
    return replace(source, manifest=plain, masks=None, forecast=None)


def _parameters(function: Any) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # builtins without a signature
        return set()
