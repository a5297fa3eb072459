"""The base of every section of the config, and what its fields are made of."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Union

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from epochal.config.component import Component, is_keyed


class Section(BaseModel):
    """A section of the config: frozen, unknown keys refused, a one-line description on every field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads true as 1, so `epochs: true` would train for one epoch
        assert info.field_name is not None
        if isinstance(value, bool):
            members = set(members_of(cls.model_fields[info.field_name].annotation))
            if members & {int, float} and not members & {bool, Any}:
                raise ValueError(f"expected a number, got {str(value).lower()}")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _read_null_as_empty(cls, value: Any, info: ValidationInfo) -> Any:
        # `augment: null` takes away what an extended config has
        assert info.field_name is not None
        default = cls.model_fields[info.field_name].default
        return default if value is None and isinstance(default, tuple | dict) and not default else value

    def to_plain(self) -> dict[str, Any]:
        """Plain values that validate to an equal section: with defaults, components in their short form."""
        return {name: _plain(getattr(self, name)) for name in type(self).model_fields}


def members_of(annotation: Any) -> Iterator[Any]:
    """The members of a union (of unions), without what ``Annotated`` adds; else the annotation itself."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from members_of(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from members_of(member)
    else:
        yield annotation


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The section classes that a value of this annotation may be, components left out."""
    return [
        member
        for member in members_of(annotation)
        if isinstance(member, type) and issubclass(member, BaseModel) and not issubclass(member, Component)
    ]


def with_default_components(values: Mapping[Any, Any], model: type[BaseModel]) -> dict[Any, Any]:
    """``values``, where arguments without a name go to the component that the field has by default."""
    completed = dict(values)
    for name, field in model.model_fields.items():
        value = completed.get(name)
        if not isinstance(value, Mapping):
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        sections = sections_of(field.annotation)
        takes_several = any(typing.get_origin(member) is dict for member in members_of(field.annotation))
        if takes_several and is_keyed(value):
            continue
        if isinstance(default, Component) and "name" not in value:
            written = default.dump()
            completed[name] = {**({"name": written} if isinstance(written, str) else written), **value}
        elif len(sections) == 1:
            completed[name] = with_default_components(value, sections[0])
    return completed


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return value.dump()
    if isinstance(value, Section):
        return value.to_plain()
    if isinstance(value, Mapping):
        # components by key are written in full: a mapping of plain names would be one without its name
        return {
            key: {"name": item.name} | item.model_dump(mode="json", exclude_defaults=True)
            if isinstance(item, Component)
            else _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value
