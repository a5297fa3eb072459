from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from epochal.config.component import Component
from epochal.config.schema import json_schema
from epochal.config.section import Section


class Inner(Section):
    """A section."""

    required: int = Field(ge=1, description="A field that is called so")


class Root(Section):
    """The root."""

    inner: Inner = Field(description="A section")
    optimizer: Component = Field(
        default=Component.model_validate({"name": "AdamW", "lr": 1e-3}), description="The optimizer"
    )


def _required(schema: Any) -> list[Any]:
    if isinstance(schema, dict):
        found = [schema["required"]] if isinstance(schema.get("required"), list) else []
        return found + [item for value in schema.values() for item in _required(value)]
    return [item for value in schema for item in _required(value)] if isinstance(schema, list) else []


def test_an_editor_knows_the_keys_and_what_they_are_for() -> None:
    schema = json.loads(json.dumps(json_schema(Root)))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert list(schema["properties"]) == ["extends", "inner", "optimizer"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["optimizer"]["description"] == "The optimizer"
    assert schema["properties"]["optimizer"]["default"] == {"name": "AdamW", "lr": 1e-3}
    assert schema["$defs"]["Inner"]["properties"]["required"]["minimum"] == 1


def test_a_component_is_a_name_or_a_mapping() -> None:
    text, mapping = json_schema(Root)["$defs"]["Component"]["anyOf"]
    assert text == {"type": "string"}
    assert mapping["type"] == "object"
    assert mapping["additionalProperties"] is True
    assert mapping["properties"]["name"]["type"] == "string"


def test_a_file_may_hold_part_of_a_config() -> None:
    assert _required(Root.model_json_schema())
    assert not _required(json_schema(Root))
