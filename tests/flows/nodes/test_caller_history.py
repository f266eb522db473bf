"""What a caller's earlier calls came to decides; not knowing is an exit of its own."""

from typing import Any

import pytest

from ppc_engine.flows.model import Caller, Leave, Pause
from ppc_engine.flows.nodes.caller_history import DAY_US, CallerHistoryNode
from ppc_engine.flows.waits import LookUpWait, Resume
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

NODE = example(CallerHistoryNode)
TWO_DAYS_AGO = MONDAY_0713_LOS_ANGELES - 2 * DAY_US - 1


def answered(node: CallerHistoryNode = NODE, **data: Any) -> Leave:
    step = node.resume(view(), {}, Resume(status="ok", data=data))
    assert isinstance(step, Leave)
    return step


def test_asks_for_earlier_calls_of_the_campaign_within_the_days() -> None:
    step = NODE.enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, LookUpWait)
    assert (step.wait.kind, step.wait.key, step.wait.ms_max, step.wait.music) == ("history", "+13105550123", 300, "")
    begin = MONDAY_0713_LOS_ANGELES - 30 * DAY_US
    assert step.wait.params == {"since": begin, "before": MONDAY_0713_LOS_ANGELES, "campaign": "roofing"}
    wide = NODE.model_copy(update={"of": "everything"}).enter(view())
    assert isinstance(wide, Pause) and isinstance(wide.wait, LookUpWait) and "campaign" not in wide.wait.params


@pytest.mark.parametrize(
    ("data", "exit_name"),
    [({}, "new"), ({"calls": 1}, "seen"), ({"calls": 3, "connected": 2, "bought": 1}, "bought")],
)
def test_what_they_came_to(data: dict[str, int], exit_name: str) -> None:
    assert answered(**data).exit == exit_name


def test_conditions_of_later_nodes_see_it() -> None:
    step = answered(calls=3, connected=2, bought=0, last_at=TWO_DAYS_AGO, last_target="acme-la")
    assert step.history == {
        "known": True, "calls": 3, "connected": 2, "bought": 0, "days_since": 2, "last_target": "acme-la",
        "bought_target": "",
    }  # fmt: skip
    assert step.tags == {}


def test_sticks_to_the_target_that_bought_or_that_talked() -> None:
    data = {"calls": 2, "bought": 1, "last_target": "zenith", "bought_target": "acme-la"}
    assert answered(**data).tags == {"sticky_target": "acme-la"}
    assert answered(NODE.model_copy(update={"sticky": "talked"}), **data).tags == {"sticky_target": "zenith"}
    assert answered(NODE.model_copy(update={"sticky": "no"}), **data).tags == {}


def test_caller_without_a_number_of_his_own_and_no_answer_are_unknown() -> None:
    hidden = NODE.enter(view(caller=Caller(kind="anonymous")))
    assert hidden == Leave(exit="unknown", facts={"caller_kind": "anonymous"})
    assert NODE.resume(view(), {}, Resume(status="unavailable")) == Leave(
        exit="unknown", facts={"status": "unavailable"}
    )
