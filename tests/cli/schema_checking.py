"""As much of JSON Schema as our schemas use, tried without another library, and YAML as editors see it.

A keyword that is not known here is an error: a schema that says more is not checked half.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

TOLD = {"$schema", "title", "description", "examples", "default", "$defs"}


class YAMLOfEditors(yaml.SafeLoader):
    """YAML 1.2 as editors read it: true, false, numbers, null; everything else is text."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for tag, pattern, first in (
    ("tag:yaml.org,2002:bool", r"true|false", "tf"),
    ("tag:yaml.org,2002:null", r"null|~|", "n~"),
    ("tag:yaml.org,2002:float", r"[-+]?[0-9]+\.[0-9]+", "-+0123456789"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", "-+0123456789"),
):
    YAMLOfEditors.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), list(first))
YAMLOfEditors.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def read(text: str) -> Any:
    """A document as an editor sees it. Keys are texts to it, whatever they look like."""
    return _keys_as_text(yaml.load(text, Loader=YAMLOfEditors))


def _keys_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _keys_as_text(inner) for key, inner in value.items()}
    return [_keys_as_text(inner) for inner in value] if isinstance(value, list) else value


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """What an editor would underline, as "path: keyword"."""
    return sorted(set(_problems(schema, value, "", schema)))


def _problems(schema: dict[str, Any], value: Any, path: str, root: dict[str, Any]) -> Iterator[str]:
    unknown = set(schema) - set(_KEYWORDS) - TOLD - {"then", "properties", "patternProperties"}
    assert not unknown, unknown
    for keyword, rule in schema.items():
        if keyword in _KEYWORDS:
            yield from _KEYWORDS[keyword](schema, rule, value, path, root)
    if isinstance(value, dict):
        yield from _in_object(schema, value, path, root)


def _in_object(schema, value, path, root) -> Iterator[str]:
    for key, inner in value.items():
        place = f"{path}.{key}".lstrip(".")
        named = schema.get("properties", {})
        patterned = [part for pattern, part in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        rest = schema.get("additionalProperties", True)
        if key in named:
            yield from _problems(named[key], inner, place, root)
        for part in patterned:
            yield from _problems(part, inner, place, root)
        if key not in named and not patterned:
            if rest is False:
                yield f"{place}: additionalProperties"
            elif isinstance(rest, dict):
                yield from _problems(rest, inner, place, root)


def _ref(schema, rule, value, path, root):
    found = root
    for part in rule.removeprefix("#/").split("/"):
        found = found[part]
    yield from _problems(found, value, path, root)


def _any_of(schema, rule, value, path, root):
    if not any(not list(_problems(choice, value, path, root)) for choice in rule):
        yield f"{path}: anyOf"


def _all_of(schema, rule, value, path, root):
    for part in rule:
        yield from _problems(part, value, path, root)


def _if(schema, rule, value, path, root):
    if not list(_problems(rule, value, path, root)):
        yield from _problems(schema["then"], value, path, root)


def _names(schema, rule, value, path, root):
    for key in value if isinstance(value, dict) else ():
        yield from (f"{path}.{key}: propertyNames" for _ in _problems(rule, key, path, root))


def _items(schema, rule, value, path, root):
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        part = rule[min(index, len(rule) - 1)] if isinstance(rule, list) else rule
        yield from _problems(part, inner, f"{path}.{index}", root)


_TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def _simple(fails):
    """A keyword that looks at the value alone."""

    def check(schema, rule, value, path, root):
        if fails(rule, value):
            yield f"{path}: {next(key for key, own in _KEYWORDS.items() if own is check)}"

    return check


def _wrong_type(rule, value) -> bool:
    return not any(_TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule))


_KEYWORDS: dict[str, Any] = {
    "$ref": _ref,
    "anyOf": _any_of,
    "allOf": _all_of,
    "if": _if,
    "propertyNames": _names,
    "items": _items,
    "additionalProperties": lambda *_: (),
    "type": _simple(_wrong_type),
    "const": _simple(lambda rule, value: value != rule),
    "enum": _simple(lambda rule, value: value not in rule),
    "pattern": _simple(lambda rule, value: isinstance(value, str) and not re.search(rule, value)),
    "minimum": _simple(lambda rule, value: _TYPES["number"](value) and value < rule),
    "maximum": _simple(lambda rule, value: _TYPES["number"](value) and value > rule),
    "minLength": _simple(lambda rule, value: isinstance(value, str) and len(value) < rule),
    "maxLength": _simple(lambda rule, value: isinstance(value, str) and len(value) > rule),
    "minItems": _simple(lambda rule, value: isinstance(value, list) and len(value) < rule),
    "maxItems": _simple(lambda rule, value: isinstance(value, list) and len(value) > rule),
    "minProperties": _simple(lambda rule, value: isinstance(value, dict) and len(value) < rule),
    "maxProperties": _simple(lambda rule, value: isinstance(value, dict) and len(value) > rule),
    "required": _simple(lambda rule, value: isinstance(value, dict) and not set(rule) <= set(value)),
    "uniqueItems": _simple(
        lambda rule, value: isinstance(value, list) and rule and any(v in value[:n] for n, v in enumerate(value))
    ),
}
