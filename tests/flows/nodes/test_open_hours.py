from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

HOUR_US = 3_600_000_000


def test_closed_before_eight_open_after_and_closed_at_noon() -> None:
    node = example(OpenHoursNode)
    exits = [node.enter(view(at=MONDAY_0713_LOS_ANGELES + hours * HOUR_US)) for hours in (0, 1, 5, 6)]
    assert [step.exit for step in exits if isinstance(step, Leave)] == ["closed", "open", "closed", "open"]
    assert exits[0] == Leave(
        exit="closed", failure="all_closed", facts={"wall_time": "Monday 07:13 America/Los_Angeles"}
    )
