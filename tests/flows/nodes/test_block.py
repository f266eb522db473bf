"""Who is turned away, why is told, and a count that cannot be had turns nobody away."""

from typing import Any

import pytest
from pydantic import ValidationError

from ppc_engine.catalog.model import Catalog
from ppc_engine.flows.model import Caller, Leave, Pause
from ppc_engine.flows.nodes.block import BlockNode
from ppc_engine.flows.waits import LookUpWait, Resume
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

NODE = example(BlockNode)
LISTS = {"lists/spam.txt": frozenset({"+13105550199", "+1876*"})}
CATALOG = Catalog(campaigns={}, publishers={}, buyers={}, targets={}, lists=LISTS)


def passing(**caller: str) -> Leave | Pause:
    step = NODE.enter(view(catalog=CATALOG, caller=Caller(**{"number": "+13105550123", **caller})))
    assert isinstance(step, (Leave, Pause))
    return step


@pytest.mark.parametrize(
    ("caller", "why"),
    [
        ({"number": "+13105550199"}, {"list": "lists/spam.txt"}),
        ({"number": "+18765550100"}, {"list": "lists/spam.txt"}),
        ({"number": "+19005550100"}, {"pattern": True}),
        ({"number": "", "kind": "anonymous"}, {"caller_kind": "anonymous"}),
    ],
)
def test_listed_and_hidden_callers_are_turned_away(caller: dict[str, str], why: dict[str, Any]) -> None:
    assert passing(**caller) == Leave(exit="blocked", failure="blocked", facts=why)


def test_others_are_counted() -> None:
    step = passing()
    assert isinstance(step, Pause) and isinstance(step.wait, LookUpWait)
    assert (step.wait.kind, step.wait.key) == ("velocity", "+13105550123")
    assert step.wait.params == {"window_s": 600, "at": MONDAY_0713_LOS_ANGELES}
    per_number = NODE.model_copy(update={"velocity": NODE.velocity.model_copy(update={"per": "caller_and_number"})})  # type: ignore[union-attr]
    step = per_number.enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, LookUpWait)
    assert step.wait.key == "+13105550123 +18005550100"


def test_caller_without_a_number_is_not_counted() -> None:
    assert passing(number="", kind="invalid") == Leave(exit="pass")


@pytest.mark.parametrize(("calls", "exit_name"), [(5, "pass"), (6, "blocked")])
def test_more_calls_than_allowed_are_turned_away(calls: int, exit_name: str) -> None:
    step = NODE.resume(view(), {}, Resume(status="ok", data={"calls": calls}))
    assert isinstance(step, Leave) and (step.exit, step.facts) == (exit_name, {"velocity": calls, "limit": 5})


def test_count_that_cannot_be_had_turns_nobody_away() -> None:
    step = NODE.resume(view(), {}, Resume(status="unavailable"))
    assert step == Leave(exit="pass", facts={"velocity": "unavailable"})


@pytest.mark.parametrize(
    ("least", "given", "exit_name"),
    [("B", "A", "pass"), ("B", "B", "pass"), ("B", "C", "blocked"), ("C", "", "blocked"), ("A", "B", "blocked")],
)
def test_least_attestation(least: str, given: str, exit_name: str) -> None:
    node = BlockNode.model_validate({"type": "block", "attestation_min": least})
    step = node.enter(view(caller=Caller(number="+13105550123", attestation=given)))
    assert isinstance(step, Leave) and step.exit == exit_name


@pytest.mark.parametrize(
    "wrong", [{}, {"patterns": ["900*"]}, {"lists": ["/etc/passwd"]}, {"lists": ["lists/../x.txt"]}]
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BlockNode.model_validate({"type": "block", **wrong})
