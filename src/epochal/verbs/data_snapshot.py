"""Snapshots of data: what files it had, and what is otherwise now."""

from __future__ import annotations

from pathlib import Path

from epochal.console import Console
from epochal.data.images import visible_files
from epochal.data.problems import missing_path
from epochal.data.remote import localized
from epochal.data.snapshot import DataChanges, DataSnapshot, changes_between, read_snapshot, take_snapshot
from epochal.data.source_files import source_files
from epochal.errors import DataError, Problem, RequestError
from epochal.experiment.config import read_experiment
from epochal.run.durable import write_bytes

SUFFIX = ".snapshot.csv"


def data_snapshot(
    data: str | Path, *overrides: str, output: str | Path | None = None, quiet: bool = False
) -> DataSnapshot:
    """Path, size and SHA-256 of each file of some data.

    data: a folder or a file; or a config, whose ``data.source`` says which files they are.
    output: the CSV file to write, the same bytes for the same data.

    Raises DataError where a file is missing or can't be read, ConfigError where a config names none.
    """
    with Console(quiet=quiet).messages() as console:
        file = None if output is None else Path(output).expanduser()
        root, names = _files(data, overrides, file, console)
        taken = take_snapshot(root, names, console)
        if file is not None:
            write_bytes(file.absolute(), taken.to_csv())
        return taken


def data_verify(
    snapshot: str | Path, data: str | Path | None = None, *overrides: str, quiet: bool = False
) -> DataChanges:
    """What was added to some data, removed from it or changed in it since a snapshot.

    data: as of ``data_snapshot``; by default what lies beside the snapshot under its name without
        ``.snapshot.csv``.
    Every file is read: neither sizes nor times are believed.
    """
    with Console(quiet=quiet).messages() as console:
        path = Path(snapshot).expanduser()
        before = read_snapshot(path)
        root, names = _files(_beside(path) if data is None else data, overrides, path, console)
        return changes_between(before, take_snapshot(root, names, console, missing_ok=True))


def is_config(data: str | Path) -> bool:
    """Whether this is a config or a recipe's name, not the data itself."""
    path = Path(data).expanduser()
    return not path.is_dir() and (path.suffix in (".yaml", ".yml") or not path.exists())


def _files(
    data: str | Path, overrides: tuple[str, ...], snapshot: Path | None, console: Console
) -> tuple[Path, list[str]]:
    """The root of the data and its files; the snapshot itself, which may lie among them, is none."""
    root, names = _all_files(data, overrides, console)
    own = None if snapshot is None else snapshot.resolve()
    return root, [name for name in names if (root / name).resolve() != own]


def _all_files(data: str | Path, overrides: tuple[str, ...], console: Console) -> tuple[Path, list[str]]:
    path = Path(data).expanduser()
    if is_config(data):
        if "/" in str(data) and path.suffix not in (".yaml", ".yml"):
            raise DataError(missing_path(path, "file or folder"))
        config, _ = read_experiment(data, overrides, components=False)
        return source_files(localized(config.data.source, config.cache_folder, console))
    if overrides:
        mend = "name a config, or leave them out"
        raise RequestError(Problem("settings are of a config, and this is data", str(data), mend))
    return (path, visible_files(path)) if path.is_dir() else (path.parent, [path.name])


def _beside(snapshot: Path) -> Path:
    path = snapshot.with_name(snapshot.name.removesuffix(SUFFIX))
    if path == snapshot or not path.exists():
        what = "it does not say which data it is of"
        mend = f"name the folder, the file or the config: epochal data verify {snapshot} PATH"
        raise RequestError(Problem(what, str(snapshot), mend))
    return path
