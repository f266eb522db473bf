"""JSON Schemas of the configuration's files, for editors: they complete, check and explain while one types.

The models are the only source. What differs: every scalar of a file is read as text, but an editor types it as YAML
does (02134 is a number to it), so texts that may look like numbers may be some; nothing may be null; and forms that a
validator of ours parses (amounts, spans of hours) are written as patterns. What each field means is in schema_words.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from ppc_engine.catalog.load import MODELS
from ppc_engine.cli.schema_words import FLOW_WORDS, WORDS
from ppc_engine.flows.model import NODES_MAX, Node
from ppc_engine.flows.nodes import NODE_TYPES
from ppc_engine.rehearsal.cases import CaseFile
from ppc_engine.settings import FILE_KEYS, Settings
from ppc_engine.storage.strict_yaml import parse_yaml
from ppc_engine.values import schedule
from ppc_engine.values.money import parse_micros
from ppc_engine.values.phone import parse_e164

DIALECT = "http://json-schema.org/draft-07/schema#"  # What yaml-language-server speaks best.
SLUG = r"^[a-z0-9][a-z0-9_-]{0,63}$"
EXAMPLE = "Example::"

Schema = dict[str, Any]

# Texts that a validator of ours parses.
FORMS: dict[Callable[..., Any], Schema] = {
    parse_micros: {"type": ["string", "number"], "pattern": r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$", "minimum": 0},
    parse_e164: {"type": ["string", "integer"], "pattern": r"^\+[1-9][0-9]{6,14}$"},
    schedule._parse_span: {
        "type": "string",
        "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]|24:00)$",
    },
}
# A number to YAML: texts whose form allows one of these may be written without quotes.
_NUMBERS = ("1", "23", "310", "2134", "90001", "13105550123")


class _Generator(GenerateJsonSchema):
    """What pydantic says of a model, with the forms of our own validators."""

    def function_before_schema(self, schema: Any) -> Schema:
        function = schema["function"]["function"]
        if function in FORMS:
            return dict(FORMS[function])
        inner = super().function_before_schema(schema)
        return inner if inner.get("type") == "string" else {}  # It has a form of its own: the loader judges it.


def every_schema() -> dict[str, Schema]:
    """Every schema by its name: buyer, publisher, campaign, group, trunk, flow, flow-test, engine."""
    found = {kind.removesuffix("s"): model_schema(model) for kind, model in MODELS.items()}
    return {**found, "flow": flow_schema(), "flow-test": model_schema(CaseFile), "engine": engine_schema()}


def model_schema(model: type[BaseModel], mode: JsonSchemaMode = "validation") -> Schema:
    """The schema of one model and of all that it is made of."""
    schema = model.model_json_schema(schema_generator=_Generator, mode=mode)
    parts = {model.__name__: schema, **schema.get("$defs", {})}
    for name, part in parts.items():
        _explain(name, part)
    return {"$schema": DIALECT, **_plain(schema)}


def engine_schema() -> Schema:
    """engine.yaml: the settings, and the keys that name a file instead."""
    schema = model_schema(Settings)
    for key, name in FILE_KEYS.items():
        told = f"File of mode 600 that holds {name}."
        schema["properties"][key] = {"type": "string", "title": key, "description": told}
    return schema


def flow_schema() -> Schema:
    """A flow: every node type with its own fields, and its exits where they do not depend on those."""
    definitions: dict[str, Schema] = {}
    choices = []
    for kind, node_type in NODE_TYPES.items():
        schema = model_schema(node_type)
        schema.pop("$schema")
        definitions.update(schema.pop("$defs", {}))
        exits = schema["properties"]["exits"] = _exits(node_type)
        schema["required"] = sorted({*schema.get("required", ()), *(["exits"] if "required" in exits else [])})
        definitions[f"node_{kind}"] = schema
        choices.append({"if": {"properties": {"type": {"const": kind}}}, "then": {"$ref": f"#/$defs/node_{kind}"}})
    node: Schema = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(NODE_TYPES), "description": FLOW_WORDS["type"]}},
        "allOf": choices,
    }
    own: dict[str, Schema] = {
        "id": {"type": "string", "pattern": SLUG},
        "start": {"type": "string", "pattern": SLUG},
        "patience_ms_max": {"type": "integer", "minimum": 1_000, "maximum": 3_600_000},
        "nodes": {
            "type": "object",
            "propertyNames": {"pattern": SLUG},
            "additionalProperties": {"$ref": "#/$defs/node"},
            "minProperties": 1,
            "maxProperties": NODES_MAX,
        },
    }
    return {
        "$schema": DIALECT,
        "title": "Flow",
        "description": FLOW_WORDS[""],
        "type": "object",
        "required": ["id", "start", "nodes"],
        "additionalProperties": False,
        "properties": {key: {**part, "title": key, "description": FLOW_WORDS[key]} for key, part in own.items()},
        "$defs": {"node": node, **definitions},
    }


def _exits(node_type: type[Node]) -> Schema:
    """Exits by name where the type alone says which there are, else any."""
    told = FLOW_WORDS["exits"]
    looked_at = set(node_type.exit_names.__code__.co_names)
    if looked_at & set(node_type.model_fields):
        leads_to = {"type": "string", "pattern": SLUG}
        return {"type": "object", "title": "exits", "description": told, "additionalProperties": leads_to}
    names = sorted(node_type.model_construct().exit_names())
    schema: Schema = {
        "type": "object",
        "title": "exits",
        "description": told,
        "additionalProperties": False,
        "properties": {name: {"type": "string", "pattern": SLUG} for name in names},
    }
    return {**schema, "required": names} if names else schema


def _explain(name: str, part: Schema) -> None:
    """Words for every field, and the example of the docstring as one that an editor can show."""
    text, found, example = part.get("description", "").partition(EXAMPLE)
    if text:
        part["description"] = " ".join(text.split())
    if found:
        document, _ = parse_yaml(name, textwrap.dedent(example.strip("\n")).encode())
        part["examples"] = [_unwrapped(document.data, part)] if document else []
    for key, field in part.get("properties", {}).items():
        field["title"] = key
        words = WORDS.get(f"{name}.{key}") or WORDS.get(key)
        if words:
            field["description"] = words


def _unwrapped(example: Any, part: Schema) -> Any:
    """An example shows a field or a node under a name; without it when the name is no field of its own."""
    fields = part.get("properties", {})
    is_node = "const" in fields.get("type", {})
    if isinstance(example, dict) and len(example) == 1 and (is_node or next(iter(example)) not in fields):
        return next(iter(example.values()))
    return example


def _plain(schema: Any) -> Any:
    """The same without nulls, and with numbers allowed where a text may look like one."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _plain(value) if key != "examples" else value for key, value in schema.items()}
    choices = made.get("anyOf")
    if choices is not None:
        real = [choice for choice in choices if choice != {"type": "null"}]
        rest = {key: value for key, value in made.items() if key != "anyOf"}
        made = {**real[0], **rest} if len(real) == 1 else {**rest, "anyOf": real}
    if "default" in made and made["default"] in (None, "", [], {}):
        del made["default"]
    for key in ("format", "writeOnly", "ge"):
        made.pop(key, None)
    if "prefixItems" in made:  # Draft 7 calls it so.
        made["items"] = made.pop("prefixItems")
    if "patternProperties" in made:
        made.setdefault("additionalProperties", False)
    if "$ref" in made and len(made) > 1:  # Draft 7 ignores what stands beside a reference.
        made = {**{key: value for key, value in made.items() if key != "$ref"}, "allOf": [{"$ref": made["$ref"]}]}
    if made.get("type") == "string" and "enum" not in made and "const" not in made:
        made["type"] = _types(made)
    return made


def _types(schema: Schema) -> Any:
    pattern = schema.get("pattern")
    if pattern is None:
        return ["string", "number", "boolean"]
    return ["string", "integer"] if any(re.search(pattern, number) for number in _NUMBERS) else "string"


def fields_without_words() -> Iterator[str]:
    """Fields that no description tells of: a test wants none."""
    for name, schema in every_schema().items():
        for place, part in [(name, schema), *schema.get("$defs", {}).items()]:
            for key, field in part.get("properties", {}).items():
                if isinstance(field, dict) and not field.get("description") and place != "node":
                    yield f"{part.get('title', place)}.{key}"
