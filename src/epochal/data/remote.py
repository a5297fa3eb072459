"""Data that lies elsewhere: URLs of any file system that fsspec knows, fetched once into the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from epochal.config.component import Component
from epochal.console import Console
from epochal.errors import DataError, Problem, RequestError
from epochal.optional import missing
from epochal.run.durable import write_json

_PATHS = ("path", "root", "masks", "images")
"""The arguments of sources that name files or folders."""


def is_remote(value: object) -> bool:
    """Whether a path is a URL: ``s3://...``, ``https://...``, ``memory://...``."""
    return isinstance(value, str) and "://" in value


def localized(component: Component, cache: Path, console: Console) -> Component:
    """The source with local paths for URLs; what they name is fetched unless it is there already.

    Files are kept in the cache folder ``remote`` and fetched again where their size or mark (time, ETag) at
    the other end has changed. A remote table of files without ``root`` is fetched with its whole folder.
    Raises RequestError where the file system's driver is not installed, DataError where nothing can be read.
    """
    arguments = component.arguments
    if not any(is_remote(arguments.get(key)) for key in _PATHS):
        return component
    if component.name == "table" and "file" in arguments and "root" not in arguments:
        arguments["root"] = arguments["path"].rpartition("/")[0]
    for key in _PATHS:
        if is_remote(arguments.get(key)):
            arguments[key] = str(fetch(arguments[key], cache, console))
    return Component.model_validate({"name": component.name, **arguments})


def fetch(url: str, cache: Path, console: Console) -> Path:
    """A local copy of the file or the folder at a URL; of a pattern (``*``, ``{000..009}``), their folder."""
    import fsspec  # only who keeps data elsewhere needs it

    from epochal.data.sources.shards import expanded

    try:
        urls = [*expanded(url)]
        system, _ = fsspec.core.url_to_fs(urls[0])
        paths = [fsspec.core.url_to_fs(each)[1] for each in urls]
        several = len(paths) > 1 or "*" in paths[0]
        base = os.path.dirname(paths[0]) if several else paths[0]
        found = {path: details for each in paths for path, details in _files(system, each)}
    except ImportError as error:
        raise _no_driver(url, error) from error
    except (ValueError, OSError) as error:
        mend = "check the URL, and that this machine may read it"
        raise DataError(Problem(f"can't be read: {error or type(error).__name__}", url, mend)) from error
    if not found:
        raise DataError(Problem("there is no file", url, "check the URL"))
    folder = cache / "remote" / hashlib.blake2b(url.encode(), digest_size=8).hexdigest()
    only = len(found) == 1 and not several and base in found
    names = {path: PurePosixPath(path).name if only else os.path.relpath(path, base) for path in found}
    try:
        _fetch_missing(system, found, names, folder, console)
    except OSError as error:
        raise DataError(Problem(f"fetching it failed: {error}", url, "run it again: it goes on")) from error
    return folder / names[base] if only else folder


def _files(system: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file at a path, below it, or that matches it, with what the file system says of it."""
    if "*" in path:
        yield from ((name, each) for name, each in system.glob(path, detail=True).items())
    else:
        found = system.find(path, detail=True) or {path: system.info(path)}
        yield from ((name, each) for name, each in found.items() if each.get("type") != "directory")


def _fetch_missing(
    system: Any, found: dict[str, dict[str, Any]], names: dict[str, str], folder: Path, console: Console
) -> None:
    """Fetch what is not there, each file whole or not at all; ``marks.json`` says what is there."""
    marks_file = folder / "marks.json"
    marks: dict[str, str] = json.loads(marks_file.read_text()) if marks_file.exists() else {}
    missing = [path for path in found if marks.get(names[path]) != _mark(found[path])]
    with console.progress("fetching files", len(missing)) as advance:
        for path in missing:
            place = folder / names[path]
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(place.name + ".part")
            system.get_file(path, str(part))
            os.replace(part, place)
            marks[names[path]] = _mark(found[path])
            advance(1)
            if len(missing) < 1000 or len(marks) % 100 == 0:
                write_json(marks_file, marks)
    if missing:
        write_json(marks_file, marks)


def _mark(details: dict[str, Any]) -> str:
    """What changes when a file does, as far as its file system tells."""
    keys = ("size", "ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created")
    return " ".join(str(details[key]) for key in keys if details.get(key) is not None)


def _no_driver(url: str, error: ImportError) -> RequestError:
    packages = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
    packages |= {"http": "aiohttp", "https": "aiohttp", "sftp": "paramiko", "hf": "huggingface_hub"}
    scheme = url.partition("://")[0]
    if scheme in packages:
        return missing(packages[scheme], f"reading {scheme}://", url)
    return RequestError(Problem(f"reading {scheme}:// needs a driver of fsspec", url, str(error)))
