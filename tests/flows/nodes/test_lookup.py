"""What is sent is what expressions come to; what is kept is bounded and checked; every failure has its exit."""

from typing import Any

import pytest
from pydantic import ValidationError

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.lookup import FAILURES, LookupNode
from ppc_engine.flows.waits import RINGING, LookUpWait, Resume
from tests.flows.node_views import example, view

NODE = example(LookupNode)
PLACING = NODE.model_copy(update={"take": {"zip_code": "zip", "score": "score"}})


def answered(node: LookupNode, **taken: Any) -> Leave:
    step = node.resume(view(), {}, Resume(status="ok", data={"taken": taken}))
    assert isinstance(step, Leave)
    return step


def test_sends_what_its_expressions_come_to_with_ringing_meanwhile() -> None:
    step = NODE.enter(view(tags={"zip_code": "90210"}))
    assert isinstance(step, Pause)
    assert step.wait == LookUpWait(
        ms_max=2_000,
        kind="http",
        key="https://enrich.example.com/v1/caller",
        params={
            "method": "get",
            "send": {"phone": "+13105550123", "zip": "90210"},
            "take": {"score": "result.score"},
        },
        music=RINGING,
    )


def test_expression_without_an_answer_sends_nothing() -> None:
    node = NODE.model_copy(update={"send": {"age": "string(int(tags.age))"}})
    step = node.enter(view())
    assert isinstance(step, Leave) and step.exit == "failed" and step.facts["field"] == "age"


def test_keeps_what_it_asked_for_and_nothing_else() -> None:
    step = answered(NODE, score="0.87", admin="yes")
    assert (step.exit, step.tags, step.facts) == ("ok", {"score": "0.87"}, {"score": "0.87"})


def test_zip_of_an_answer_places_the_caller_only_if_it_exists() -> None:
    placed = {"zip_code": "02134", "zip_source": "lead", "state": "MA"}
    assert answered(PLACING, zip_code="02134", score="1").tags == {"score": "1", **placed}
    step = answered(PLACING, zip_code="99999", score="1")
    assert (step.exit, step.tags, step.facts["unknown_zip"]) == ("ok", {"score": "1"}, "99999")


@pytest.mark.parametrize("status", [*FAILURES, "unavailable"])
def test_every_failure_has_its_exit(status: str) -> None:
    step = NODE.resume(view(), {}, Resume(status=status, data={"why": "because", "body": "secret"}))
    expected = status if status in FAILURES else "failed"
    assert step == Leave(exit=expected, facts={"why": "because"})
    assert expected in NODE.exit_names()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://enrich.example.com/"},
        {"url": "https://user:password@example.com/"},
        {"url": "https://example.com/a b"},
        {"url": "https://example.com/\r\nHost: other"},
        {"url": "https://[::1]/"},
        {"take": {"state": "state"}},
        {"take": {"score": "a..b"}},
        {"send": {"x": "caller.nmber"}},
        {"ms_max": "5001"},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LookupNode.model_validate({**NODE.model_dump(), **wrong})
