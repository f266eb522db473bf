"""Turns what pydantic says about a document into issues a person can act on: place, plain words, cure.

Decides wording only. What is right or wrong is decided by the models and by the loaders that use this.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic

from ppc_engine.catalog.model import AreaCode, SIPAddress, Slug, State, ZipCode
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

QUOTED_CHARS_MAX = 60  # A message stays on one line, however long the value that it complains about.
SUGGESTION_CHARS_MAX = 80  # Comparing is quadratic; no real name is longer.
SUGGESTION_LIKENESS_MIN = 0.6

_NULLS = frozenset({"", "~", "null", "Null", "NULL", "none", "None"})
_WANTED = {
    "string_type": "text",
    "list_type": 'a list (one "- item" a line, or [one, two])',
    "tuple_type": 'a list (one "- item" a line, or [one, two])',
    "set_type": 'a list (one "- item" a line, or [one, two])',
    "frozen_set_type": 'a list (one "- item" a line, or [one, two])',
    "dict_type": 'a block of "key: value" lines',
    "mapping_type": 'a block of "key: value" lines',
    "model_type": 'a block of "key: value" lines',
    "model_attributes_type": 'a block of "key: value" lines',
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of a sane size",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}


def did_you_mean(word: object, choices: Iterable[object]) -> str:
    """' (did you mean "x"?)' for the choice most like the word, or "" when none is near."""
    near = nearest(word, choices)
    return f' (did you mean "{near}"?)' if near else ""


def nearest(word: object, choices: Iterable[object], likeness_min: float = SUGGESTION_LIKENESS_MIN) -> str:
    """The choice most like the word, "" when none is near enough to be a slip of the finger."""
    if not isinstance(word, str) or len(word) > SUGGESTION_CHARS_MAX:
        return ""
    by_folded = {str(choice).lower(): str(choice) for choice in sorted(map(str, choices))}
    near = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=likeness_min)
    return by_folded[near[0]] if near else ""


def quoted(value: object) -> str:
    """A value as it may stand in a message: in quotes, on one line, cut when long, kinds instead of contents."""
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    text = _one_line(str(value))
    return f'"{text}"' if len(text) <= QUOTED_CHARS_MAX else f'"{text[:QUOTED_CHARS_MAX]}..."'


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def validation_issues(
    document: Document, error: pydantic.ValidationError, at: Path = (), *, model: type[Any] | None = None
) -> list[Issue]:
    """Every problem of a refused model as issues of its document.

    ``at`` is the path in the document where the model's data stands. With ``model`` (the class that refused), unknown
    keys are compared with those it knows; a key misspelt is then one issue, not an unknown one and a missing one.
    """
    by_path: dict[Path, list[str]] = {}
    misspelt: set[Path] = set()
    missing: list[tuple[Path, str]] = []
    for problem in error.errors(include_url=False):
        path, tail = _resolve(document.data, at, problem["loc"])
        if problem["type"] == "missing":
            missing.append((path, str(tail)))
        elif problem["type"] == "extra_forbidden":
            known = _known_keys(model, path[len(at) : -1])
            near = nearest(path[-1], known)
            misspelt.add((*path[:-1], near))
            hint = f' (did you mean "{near}"?)' if near else _remove_hint(known)
            by_path.setdefault(path, []).append(f'unknown key "{_one_line(str(path[-1]))}"{hint}')
        else:
            by_path.setdefault(path, []).append(_in_words(dict(problem)))
    for path, name in missing:
        if (*path, name) not in misspelt:
            by_path.setdefault((*path, name), []).append(f'missing (add "{name}: ...")')
    return [document.issue(path, "; ".join(dict.fromkeys(said))) for path, said in by_path.items()]


def _resolve(data: Any, at: Path, loc: tuple[int | str, ...]) -> tuple[Path, str | int]:
    """The part of pydantic's location that is in the data (it also names unions, tags and validators), and its end."""
    for part in at:
        data = data[part]
    path: Path = at
    for part in loc:
        held = isinstance(data, Mapping) and part in data
        if not held and not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            continue
        data = data[part]
        path = (*path, part)
    return path, loc[-1] if loc else ""


def _known_keys(model: type[Any] | None, path: Path) -> list[str]:
    """The keys of the model that stands at a path below ``model``; [] when that cannot be said."""
    found: Any = model
    for part in path:
        found = _inner_model(found, part)
    return list(found.model_fields) if _is_model(found) else []


def _inner_model(model: Any, part: str | int) -> Any:
    """The model in a field of a model; an index into a list of models changes nothing."""
    if not _is_model(model) or isinstance(part, int):
        return model
    field = model.model_fields.get(part)
    return _find_model(field.annotation) if field else None


def _find_model(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    if isinstance(annotation, types.GenericAlias | types.UnionType) or typing.get_origin(annotation):
        return next(filter(None, map(_find_model, typing.get_args(annotation))), None)
    return None


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, pydantic.BaseModel)


def _remove_hint(known: list[str]) -> str:
    return f" (remove it; known here: {', '.join(known)})" if known else " (remove it)"


def _pattern_of(annotated: Any) -> str:
    return str(annotated.__metadata__[0].pattern)


_PATTERNS = {
    _pattern_of(Slug): "a name (small letters, digits, - and _, at most 64, beginning with a letter or digit)",
    _pattern_of(ZipCode): "a ZIP (write its five digits, with leading zeros: 02134)",
    _pattern_of(State): "a state (write its two capital letters: CA)",
    _pattern_of(AreaCode): "an area code (write its three digits: 310)",
    _pattern_of(SIPAddress): "a SIP address (write sip:name@host:5060)",
}


def _in_words(problem: dict[str, Any]) -> str:
    """One pydantic error in plain words, with the cure where there is one."""
    kind, value, context = problem["type"], problem["input"], problem.get("ctx") or {}
    shown = quoted(value)
    if isinstance(value, str) and value in _NULLS and kind not in ("value_error", "string_pattern_mismatch"):
        return f"{shown if value else 'nothing'} is no value here (write one, or leave the key out)"
    if kind in _WANTED:
        return f"{shown} is not {_WANTED[kind]}"
    if kind == "value_error":
        return _one_line(str(context.get("error", problem["msg"])))
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"{shown} is not {_PATTERNS.get(pattern, 'in the right form (must match ' + pattern + ')')}"
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", '"')
        return f"{shown} is not {expected}{did_you_mean(value, re.findall(r'[a-z_]+', expected))}"
    if kind in ("greater_than_equal", "greater_than"):
        return f"{shown} is too low ({'at least' if kind.endswith('equal') else 'more than'} {_bound(context)})"
    if kind in ("less_than_equal", "less_than"):
        return f"{shown} is too high ({'at most' if kind.endswith('equal') else 'less than'} {_bound(context)})"
    if kind in ("too_short", "string_too_short"):
        return f"too short (at least {context['min_length']}{' letters' if kind.startswith('s') else ' entries'})"
    if kind in ("too_long", "string_too_long"):
        return f"too long (at most {context['max_length']}{' letters' if kind.startswith('s') else ' entries'})"
    return f"{shown}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _bound(context: dict[str, Any]) -> Any:
    return next(context[key] for key in ("ge", "gt", "le", "lt") if key in context)
