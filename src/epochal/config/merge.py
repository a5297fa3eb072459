"""One layer of values over another: a config over what it extends, overrides over a config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from epochal.config.yaml import KeyPath


def merge(base: Any, top: Any, *, is_root: bool = False) -> Any:
    """``top`` over ``base``: mappings merge key by key, all else (lists too) is replaced.

    A component is one thing: where both name one, the arguments of ``base`` stay only under the same name,
    so none of them leaks into another component. A plain name counts as ``{name: ...}``.
    is_root: the values are a whole config, whose ``name`` is the experiment's and no component's.
    """
    if not is_root and isinstance(base, str | Mapping) and isinstance(top, str | Mapping):
        base_name, top_name = _component_name(base), _component_name(top)
        if top_name is not None and top_name != base_name:
            return top
        if isinstance(top, str):
            return base
        if isinstance(base, str):
            return {"name": base, **top} if top_name == base else top
    if not (isinstance(base, Mapping) and isinstance(top, Mapping)):
        return top
    return {**base, **{key: merge(base[key], value) if key in base else value for key, value in top.items()}}


def put(base: Any, path: KeyPath, value: Any, *, is_root: bool = False) -> Any:
    """``base`` with ``value`` merged in at ``path``; mappings on the way are made where there are none.

    A plain name on the way becomes ``{name: ...}``.
    Raises LookupError, in words for the user, where the path leads into what can't hold it.
    """
    if not path:
        return merge(base, value, is_root=is_root)
    key, rest = path[0], path[1:]
    if isinstance(base, list):
        if not isinstance(key, int) or key >= len(base):
            raise LookupError(f"the list has {len(base)} item{'s' * (len(base) != 1)} and no '{key}'")
        return [put(item, rest, value) if i == key else item for i, item in enumerate(base)]
    if isinstance(base, str):
        base = {"name": base}
    elif base is None:
        base = {}
    elif not isinstance(base, Mapping):
        raise LookupError(f"{base} is a single value and holds no '{key}'")
    if key == "name" and not rest and not is_root:
        return merge(base, {"name": value})
    return {**base, key: put(base.get(key), rest, value)}


def has(values: Any, path: KeyPath) -> bool:
    """Whether there is a value at ``path``."""
    for key in path:
        if isinstance(values, list):
            values = dict(enumerate(values))
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of a value, and of everything in it."""
    yield path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from paths(item, (*path, key))


def _component_name(value: str | Mapping[Any, Any]) -> Any:
    return value if isinstance(value, str) else value.get("name")
