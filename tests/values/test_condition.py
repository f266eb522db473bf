"""Conditions are refused at load with where and why, come to yes or no at run time, and never to an exception else."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ppc_engine.values.condition import (
    DEFAULTS,
    ConditionError,
    ConditionText,
    StringExpressionText,
    args_read,
    facts,
    holds,
    reads_history,
    tags_read,
    text_of,
)

MONDAY_0713_LOS_ANGELES = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z
CONDITION: TypeAdapter[str] = TypeAdapter(ConditionText)
EXPRESSION: TypeAdapter[str] = TypeAdapter(StringExpressionText)


def known(**more: Any) -> dict[str, Any]:
    tags = more.pop("tags", {"plan": "gold", "age": "44"})
    return facts(MONDAY_0713_LOS_ANGELES, tags, more.pop("args", {"language": "es"}), **more)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('tags.plan == "gold"', True),
        ('tags["plan"] == "gold" && int(tags.age) >= 45', False),
        ('args.language in ["es", "pt"]', True),
        ('caller.state == "CA" || place.state == "CA"', True),
        ("caller.number_known && caller.number.startsWith('+1310')", True),
        ("history.calls >= 2 && history.bought == 0", True),
        ('time.now.getHours("America/Los_Angeles") == 7', True),
        ('time.now.getDayOfWeek("America/Los_Angeles") == 1', True),
        ("time.now < timestamp('2026-01-01T00:00:00Z')", False),
        (r"tags.plan.matches('^g.ld$')", True),
        ('call.campaign == "roofing" && caller.attestation in ["A", "B"]', False),
    ],
)
def test_condition_over_everything_that_is_known(text: str, answer: bool) -> None:
    caller = {"caller__state": "CA", "caller__number": "+13105550123", "caller__number_known": True}
    known_now = known(**caller, history__calls=3, call__campaign="roofing", caller__attestation="C")
    assert CONDITION.validate_python(text) == text
    assert holds(text, known_now) is answer


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("caller.staet == 'CA'", 'column 1: nothing is called "caller.staet" (did you mean "caller.state"?)'),
        ("true &&\nplace.zipcode == ''", 'line 2, column 1: nothing is called "place.zipcode"'),
        ("history.calls > 'a'", "column 15: found no matching overload for '_>_' applied to '(int, string)'"),
        ("tags.plan == ", "column 14: Syntax error"),
        ("tags.plan", 'this gives a text, not true or false (compare it: tags.plan == "gold")'),
        ("tags.plan.matches('(')", "column 19: invalid regular expression: missing ): ("),
        ("time.now.getHours('Mars/Base') > 8", "column 19: Invalid timezone"),
        ("true" + " || true" * 200, "at most 1000 characters"),
    ],
)
def test_condition_that_cannot_be_taken_says_where_and_why(text: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CONDITION.validate_python(text)
    assert told in str(refused.value)


def test_tag_that_is_not_set_reads_as_nothing_unless_it_is_asked_for() -> None:
    assert holds("tags.missing == '' && tags['also-missing'] == '' && args.none == ''", known())
    assert not holds("has(tags.missing)", known())
    assert holds("has(tags.plan) && tags.plan == 'gold'", known())


@pytest.mark.parametrize(
    "text", ["int(tags.plan) > 3", "tags.plan.matches(tags.age + '(')", "1 / (int(tags.age) - 44) > 0"]
)
def test_no_answer_is_an_error_of_its_own(text: str) -> None:
    assert CONDITION.validate_python(text) == text
    with pytest.raises(ConditionError):
        holds(text, known())


def test_what_an_expression_reads_is_known_without_running_it() -> None:
    text = "tags.plan == 'tags.no' && tags['zip'] == args.wanted && has(tags.maybe) && tags.exists(t, t == 'x')"
    assert tags_read(text) == {"plan", "zip"}
    assert args_read(text) == {"wanted"}
    assert reads_history("history.bought > 0") and not reads_history("tags.a == 'history.bought'")


def test_text_is_made_of_texts() -> None:
    assert text_of("caller.area_code + '-' + tags.plan", known(caller__area_code="310")) == "310-gold"
    with pytest.raises(ValidationError, match="this gives a number, not a text"):
        EXPRESSION.validate_python("1 + 1")


def test_nothing_that_a_caller_keys_is_run() -> None:
    assert not holds("tags.plan == 'x'", known(tags={"plan": "' || true || '"}))


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused_and_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(ConditionError):
        holds(text, known())


@given(st.dictionaries(st.sampled_from(["plan", "age", "zip"]), st.text(max_size=20)), st.text(max_size=20))
def test_comparing_with_any_text_is_what_python_says(tags: dict[str, str], wanted: str) -> None:
    answer = holds("tags.plan == args.wanted", known(tags=tags, args={"wanted": wanted}))
    assert answer is (tags.get("plan", "") == wanted)


def test_every_name_has_a_value_before_anything_is_known() -> None:
    for name in DEFAULTS:
        if name not in ("tags", "args"):
            assert holds(f"{name} == {name}", facts(0, {}))
