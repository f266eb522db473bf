"""Conditions of flows and targets: CEL expressions over what is known of a call, type-checked when they are loaded.

The only module that knows the CEL library. An expression sees plain values and nothing else: no function of ours can
be called from it (the library leaks on every call back), it cannot loop without bound and cannot fail but by
``ConditionError``. A tag or an argument that is not set reads as "", unless the expression asks ``has(tags.x)`` itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from cel_expr_python import cel
from pydantic import AfterValidator, StringConstraints

from ppc_engine.values.errors import BadValueError

CHARS_MAX = 1_000
COMPILED_MAX = 20_000  # Expressions kept compiled; a network of 2,000 targets and 500 flows has fewer.

_TEXT, _YES_NO, _WHOLE = cel.Type.STRING, cel.Type.BOOL, cel.Type.INT
_TEXTS = cel.Type.Map(_TEXT, _TEXT)
DEFAULTS: dict[str, Any] = {
    "tags": {},
    "args": {},
    "time.now": datetime(1970, 1, 1, tzinfo=UTC),
    "caller.number": "",
    "caller.number_known": False,
    "caller.kind": "",
    "caller.area_code": "",
    "caller.state": "",
    "caller.attestation": "",
    "place.zip_code": "",
    "place.zip_source": "",
    "place.state": "",
    "place.county": "",
    "call.campaign": "",
    "call.publisher": "",
    "call.dialed_number": "",
    "call.trunk": "",
    "history.known": False,
    "history.calls": 0,
    "history.connected": 0,
    "history.bought": 0,
    "history.days_since": 0,
    "history.last_target": "",
    "history.bought_target": "",
}
_TYPES = {str: _TEXT, bool: _YES_NO, int: _WHOLE, dict: _TEXTS, datetime: cel.Type.TIMESTAMP}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LITERAL = r"""r?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_NAME = re.compile(rf"({_LITERAL})|\b(tags|args)\s*(?:\.\s*([A-Za-z_]\w*)\b(?!\s*\()|\[\s*({_LITERAL})\s*\])")
_ASKED_FOR = re.compile(r"\bhas\(\s*(tags|args)\.(\w+)\s*\)")
# What the checker takes for any string although only some can work: tried once, when the expression is loaded.
_PATTERN = re.compile(rf"\bmatches\((?:[^()]*,)?\s*({_LITERAL})\s*\)")
_ZONE = re.compile(rf"\.get[A-Z][A-Za-z]*\(\s*({_LITERAL})\s*\)")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


class ConditionError(BadValueError, ValueError):
    """An expression that cannot be taken, or that came to no answer for this call."""

    code = "condition"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An expression ready to run, with the variables it looks at and the names it takes for set."""

    expression: cel.Expression
    variables: tuple[str, ...]
    unasked: Mapping[str, frozenset[str]]


@lru_cache(maxsize=1)
def _environment() -> cel.Env:
    return cel.NewEnv(variables={name: _TYPES[type(value)] for name, value in DEFAULTS.items()})


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(text: str, wanted: str) -> _Compiled:
    if len(text) > CHARS_MAX:
        raise ConditionError(f"{len(text)} characters; at most {CHARS_MAX} (split the condition)")
    try:
        expression = _environment().compile(text)
    except RuntimeError as error:
        raise ConditionError(_told(text, str(error))) from None
    kind = expression.return_type().name()
    if kind not in (wanted, "DYN"):
        hint = 'compare it: tags.plan == "gold"' if wanted == "BOOL" else "turn it into text: string(...)"
        raise ConditionError(f"this gives {_KINDS.get(kind, kind)}, not {_KINDS[wanted]} ({hint})")
    _check_literals(text)
    without_literals = re.sub(_LITERAL, "''", text)
    variables = tuple(name for name in DEFAULTS if re.search(rf"\b{re.escape(name)}\b", without_literals))
    return _Compiled(expression, variables, _unasked(text))


_KINDS = {"BOOL": "true or false", "STRING": "a text", "INT": "a number", "DOUBLE": "a number", "TIMESTAMP": "a time"}


def _told(text: str, error: str) -> str:
    """The library's complaint in our words, with where in the expression."""
    match = _PLACE.search(error)
    if match is None:
        return error.partition("\n")[0]
    line, column, what = int(match[1]), int(match[2]), match[3].removesuffix(" [INVALID_ARGUMENT]")
    unknown = _UNDECLARED.search(what)
    if unknown is not None:
        near = difflib.get_close_matches(unknown[1], DEFAULTS, 1)
        cure = f'did you mean "{near[0]}"?' if near else f"known: {_known()}"
        what = f'nothing is called "{unknown[1]}" ({cure})'
        column = max(0, text.split("\n")[line - 1].find(unknown[1])) + 1
    else:
        what = re.sub(r",? expecting \{.*\}", "", what).strip()
    return f"{f'line {line}, ' if line > 1 else ''}column {column}: {what}"


def _known() -> str:
    return ", ".join(["tags.NAME", "args.NAME"] + [name for name in DEFAULTS if "." in name])


def _check_literals(text: str) -> None:
    """Patterns and zones that are written out must work; others are found out when a call comes."""
    for match in _PATTERN.finditer(text):
        _try(f"''.matches({match[1]})", text, match.start(1))
    for match in _ZONE.finditer(text):
        _try(f"timestamp(0).getHours({match[1]}) >= 0", text, match.start(1))


def _try(expression: str, text: str, offset: int) -> None:
    value = _environment().compile(expression).eval(data={})
    if value.type() == cel.Type.ERROR:
        line = text.count("\n", 0, offset) + 1
        column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        said = str(value.plain_value()).removeprefix("INVALID_ARGUMENT: ")
        raise ConditionError(f"{f'line {line}, ' if line > 1 else ''}column {column}: {said}")


def _unasked(text: str) -> dict[str, frozenset[str]]:
    asked = set(_ASKED_FOR.findall(text))
    found: dict[str, set[str]] = {"tags": set(), "args": set()}
    for _, table, name, literal in _NAME.findall(text):
        if table and (table, name or literal[1:-1]) not in asked:
            found[table].add(name or literal[1:-1])
    return {table: frozenset(names) for table, names in found.items() if names}


def facts(at_us: int, tags: Mapping[str, str], args: Mapping[str, str] | None = None, **known: Any) -> dict[str, Any]:
    """What expressions are evaluated with. ``known`` names variables with "__" for the dot: ``caller__state="CA"``."""
    named = {name.replace("__", "."): value for name, value in known.items()}
    now = _EPOCH + timedelta(microseconds=at_us)
    return {**DEFAULTS, **named, "tags": tags, "args": args or {}, "time.now": now}


def holds(text: str, known: Mapping[str, Any]) -> bool:
    """Whether a condition holds for these ``facts``. Raises ConditionError when it comes to no answer."""
    answer = _evaluate(_compiled(text, "BOOL"), known)
    if not isinstance(answer, bool):
        raise ConditionError(f"came to {answer!r}, not to true or false")
    return answer


def text_of(text: str, known: Mapping[str, Any]) -> str:
    """The text that an expression makes of these ``facts``. Raises ConditionError when it comes to none."""
    answer = _evaluate(_compiled(text, "STRING"), known)
    if not isinstance(answer, str):
        raise ConditionError(f"came to {answer!r}, not to a text")
    return answer


def _evaluate(compiled: _Compiled, known: Mapping[str, Any]) -> Any:
    data = {name: known[name] for name in compiled.variables}
    for table, names in compiled.unasked.items():
        if not names <= data[table].keys():
            data[table] = {**dict.fromkeys(names, ""), **data[table]}
    value = compiled.expression.eval(data=data)
    if value.type() == cel.Type.ERROR:
        raise ConditionError(str(value.plain_value())[:200])
    return value.plain_value()


def tags_read(text: str) -> frozenset[str]:
    """Tags that an expression takes for set (it does not ask ``has(tags.x)``)."""
    return _unasked(text).get("tags", frozenset())


def args_read(text: str) -> frozenset[str]:
    """Arguments of a sub-flow that an expression takes for given."""
    return _unasked(text).get("args", frozenset())


def reads_history(text: str) -> bool:
    """Whether an expression looks at the caller's history."""
    return re.search(r"\bhistory\s*\.", re.sub(_LITERAL, "''", text)) is not None


def _condition(text: str) -> str:
    _compiled(text, "BOOL")
    return text


def _text_expression(text: str) -> str:
    _compiled(text, "STRING")
    return text


_SIZE = StringConstraints(min_length=1, max_length=CHARS_MAX)
ConditionText = Annotated[str, _SIZE, AfterValidator(_condition)]
StringExpressionText = Annotated[str, _SIZE, AfterValidator(_text_expression)]
