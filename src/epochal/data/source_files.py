"""The files that a source's arguments name, before anything of them is read as samples."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from epochal.config.component import Component
from epochal.data.images import visible_files
from epochal.data.problems import missing_path, raise_problems
from epochal.data.sources.shards import expanded
from epochal.data.tables import read_table, texts
from epochal.errors import ConfigError, DataError, Problem

_PLACES = ("path", "root")


def source_files(component: Component) -> tuple[Path, list[str]]:
    """The nearest folder around the files of a source, and their paths below it with forward slashes.

    A folder counts with all that is visible in it; a table with the files that it lists, there or not; a
    pattern (``*``, ``{000..009}``) with what matches. Of a source of the user's own, any argument that names
    a file or a folder. Raises DataError where one is missing, ConfigError where the source names none.
    """
    arguments = component.arguments
    if component.name == "table" and "file" in arguments:
        found = list(_of_table(arguments))
    else:
        own = ":" in component.name
        named = list(arguments.values()) if own else [arguments[key] for key in _PLACES if key in arguments]
        if component.name == "arrays" and str(arguments.get("path", "")).endswith(".npy"):
            named.append(arguments.get("target"))  # the path of another
        found = [each for text in named if isinstance(text, str) for each in _at(text, own)]
    if not found:
        what = f"the data of {component.name} is in no file that the config names"
        raise ConfigError(Problem(what, "data.source", "name the folder or the file to take a snapshot of"))
    root = Path(os.path.commonpath([folder for folder, _ in found]))
    return root, sorted({os.path.relpath(path, root).replace(os.sep, "/") for _, path in found})


def _at(text: str, own: bool) -> Iterator[tuple[Path, Path]]:
    """Each file at a path, below it, or that a pattern means, and the folder that the path names."""
    for each in expanded(os.path.abspath(os.path.expanduser(text))):
        matching = sorted(glob.glob(each)) if "*" in each else [each]
        for place in map(Path, matching):
            if place.is_dir():
                yield from ((place, place / name) for name in visible_files(place))
            elif place.is_file():
                yield place.parent, place
            elif not own:
                raise DataError(missing_path(place, "file or folder"))


def _of_table(arguments: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """The table, the files that it lists, and of its targets those that are files: masks."""
    rows = read_table(arguments["path"], arguments.get("sheet"))
    folder = rows.path.absolute().parent
    root = Path(arguments["root"]).expanduser().absolute() if "root" in arguments else folder
    yield folder, folder / rows.path.name
    file, target = arguments["file"], arguments.get("target")
    raise_problems(rows.missing([file]))
    for name in texts(rows, file).drop_nulls():
        yield root, root / name
    if isinstance(target, str) and target in rows.frame.columns and not rows.frame[target].dtype.is_nested():
        masks = (root / name for name in texts(rows, target).drop_nulls())
        yield from ((root, path) for path in masks if path.is_file())
