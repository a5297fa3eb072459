"""The JSON Schema of a config, so that editors complete and check the file while it is written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EXTENDS = {
    "title": "Extends",
    "description": "A file, or the name of a recipe, that this file builds on; or a list of them",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config file whose root is ``model``.

    Nothing in it is required: a file may hold part of a config, and extend another for the rest.
    """
    schema = _without_required(model.model_json_schema())
    schema["properties"] = {"extends": _EXTENDS, **schema["properties"]}
    return {"$schema": DIALECT, **schema}


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # a list under this key is the keyword; a mapping is a field that is called so
    return {
        key: _without_required(value)
        for key, value in schema.items()
        if not (key == "required" and isinstance(value, list))
    }
