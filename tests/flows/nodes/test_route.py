import pytest

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.route import ROUTE_EXITS, RouteNode
from ppc_engine.flows.waits import Resume, RouteWait
from tests.flows.node_views import example, view


def test_hunts_through_the_targets_it_names() -> None:
    step = example(RouteNode).enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, RouteWait)
    assert step.wait.targets == ("acme-la", "zenith-west")
    assert (step.wait.order, step.wait.together) == ("highest_revenue", 2)
    assert step.wait.stop_on == ("603", "USER_BUSY", "rejected")


def test_the_target_of_an_earlier_call_is_asked_first_where_that_is_wanted() -> None:
    tags = {"sticky_target": "zenith-west"}
    assert example(RouteNode).enter(view(tags=tags)).wait.sticky == "zenith-west"
    assert example(RouteNode).model_copy(update={"sticky": False}).enter(view(tags=tags)).wait.sticky == ""
    assert example(RouteNode).enter(view()).wait.sticky == ""


@pytest.mark.parametrize("way", sorted(ROUTE_EXITS))
def test_leaves_as_the_hunt_ended(way: str) -> None:
    step = example(RouteNode).resume(view(), {}, Resume(route_exit=way))
    assert isinstance(step, Leave) and step.exit == way
    assert step.failure == ("" if way in ("ended", "recovered_none") else way)
