"""A config's text to plain values that know where they were written: YAML files, recipes, ``extends``."""

from __future__ import annotations

import difflib
import importlib.resources
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochal.config.merge import has, merge, paths
from epochal.config.override import override
from epochal.config.text import ConfigText as ConfigText
from epochal.config.validate import validate as validate
from epochal.config.yaml import KeyPath, parse_yaml
from epochal.errors import ConfigError, Problem, did_you_mean

_SUFFIXES = (".yaml", ".yml")


def load(config: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> ConfigText:
    """The config at a path, of a bundled recipe's name, or given as a mapping; overrides laid over it.

    Raises ConfigError for what can't be found or read, with file and line.
    """
    if isinstance(config, Mapping):
        values = _plain(config)
        text = _extended("", values, dict.fromkeys(paths(values), ""), Path(), ())
    else:
        text = _load_reference(_find(config), ())
    merged, origins = override(text.values, text.origins, overrides)
    return ConfigText(text.name, merged, origins)


def recipe_names() -> list[str]:
    """The names of the bundled recipes, sorted."""
    files = importlib.resources.files("epochal.recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """The YAML text of a bundled recipe."""
    return (importlib.resources.files("epochal.recipes") / f"{name}.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Reference:
    """A file, or a recipe where ``path`` is None."""

    name: str
    path: Path | None = None

    @property
    def key(self) -> str:
        """Equal for the same file however it was written."""
        return str(self.path.resolve()) if self.path else f"recipe {self.name}"

    @property
    def title(self) -> str:
        """What stands before the line number."""
        return self.name if self.path else f"recipe {self.name}"

    def read(self) -> str:
        if self.path is None:
            return recipe_text(self.name)
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(Problem("the file is no UTF-8 text", self.name, "save it as UTF-8")) from None
        except OSError as error:
            raise ConfigError(Problem(f"cannot be read: {error.strerror}", self.name)) from None


def _find(config: str | os.PathLike[str], folder: Path = Path(), where: str = "") -> _Reference:
    """The file (relative to ``folder``) or recipe that ``config`` means; ConfigError where there is none."""
    written = os.fspath(config)
    path = Path(os.path.normpath(folder / Path(written).expanduser()))
    if isinstance(config, str) and written in recipe_names():
        return _Reference(written)
    if path.is_file():
        return _Reference(str(path), path)
    if path.is_dir():
        inside = path / "config.yaml"
        mend = f"did you mean '{inside}'?" if inside.is_file() else "name a YAML file in it"
        raise ConfigError(Problem(f"'{path}' is a folder", where, mend))
    is_path = not isinstance(config, str) or written.endswith(_SUFFIXES) or os.sep in written
    what = f"there is no file '{path}'" if is_path else f"there is no recipe and no file '{written}'"
    raise ConfigError(Problem(what, where, _suggestion(written, path)))


def _suggestion(written: str, path: Path) -> str:
    """A mend that names the recipes and files near by whose name, without folder and suffix, is near."""
    folders = dict.fromkeys((Path(), Path("configs"), path.parent))
    files = [file for folder in folders for suffix in _SUFFIXES for file in folder.glob(f"*{suffix}")]
    candidates = [*recipe_names(), *sorted(map(str, files))]
    stem = path.name.removesuffix(path.suffix if path.suffix in _SUFFIXES else "").lower()
    likeness = {
        candidate: difflib.SequenceMatcher(None, stem, Path(candidate).stem.lower()).ratio()
        for candidate in candidates
    }
    best = max(likeness.values(), default=0.0)
    near = [candidate for candidate in candidates if likeness[candidate] >= max(0.6, best - 0.1)]
    if near:
        return "did you mean " + " or ".join(f"'{candidate}'" for candidate in near[:3]) + "?"
    return did_you_mean(written, candidates)


def _load_reference(reference: _Reference, parents: tuple[_Reference, ...]) -> ConfigText:
    """The values of one file or recipe over those that it extends; ``parents`` led here."""
    value, lines = parse_yaml(reference.read(), reference.title)
    if value is None:
        mend = "'epochal config recipes' lists configs to start from"
        raise ConfigError(Problem("the file is empty", reference.title, mend))
    if not isinstance(value, dict):
        held = "a list" if isinstance(value, list) else f"'{value}'"
        mend = "begin with lines like 'task: classification'"
        raise ConfigError(Problem(f"the file holds {held}, no keys with values", reference.title, mend))
    origins: dict[KeyPath, str] = {(): reference.title}
    origins |= {path: f"{reference.title}:{line}" for path, line in lines.items()}
    folder = reference.path.parent if reference.path else Path()
    return _extended(reference.name, value, origins, folder, (*parents, reference))


def _extended(
    name: str,
    values: dict[str, Any],
    origins: dict[KeyPath, str],
    folder: Path,
    chain: tuple[_Reference, ...],
) -> ConfigText:
    """``values`` over what their key ``extends`` names, relative to ``folder``."""
    own = {key: value for key, value in values.items() if key != "extends"}
    written = values.get("extends") or []
    merged: dict[str, Any] = {}
    merged_origins: dict[KeyPath, str] = {}
    for position, base in enumerate(written if isinstance(written, list) else [written]):
        where = origins.get(("extends", position), origins.get(("extends",), ""))
        where = f"{where}: extends" if where else "extends"
        if not isinstance(base, str):
            raise ConfigError(Problem(f"expected a file or a recipe's name, got {base!r}", where))
        reference = _find(base, folder, where)
        _refuse_cycle(reference, chain, where)
        extended = _load_reference(reference, chain)
        merged = merge(merged, extended.values, is_root=True)
        merged_origins |= extended.origins
    merged = merge(merged, own, is_root=True)
    merged_origins |= origins
    kept = {path: origin for path, origin in merged_origins.items() if has(merged, path)}
    return ConfigText(name, merged, kept)


def _refuse_cycle(reference: _Reference, chain: tuple[_Reference, ...], where: str) -> None:
    if reference.key in [parent.key for parent in chain]:
        circle = " -> ".join(parent.title for parent in (*chain, reference))
        raise ConfigError(Problem(f"the files extend each other in a circle: {circle}", where))


def _plain(value: Any) -> Any:
    """A copy of plain mappings and lists, so that later changes of the caller's do not reach the config."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
