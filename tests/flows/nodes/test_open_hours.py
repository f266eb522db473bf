from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

HOUR_US = 3_600_000_000


def test_closed_before_eight_open_after_and_closed_at_noon() -> None:
    node = example(OpenHoursNode)
    exits = [node.enter(view(at=MONDAY_0713_LOS_ANGELES + hours * HOUR_US)) for hours in (0, 1, 5, 6)]
    assert [step.exit for step in exits if isinstance(step, Leave)] == ["closed", "open", "closed", "open"]
    assert exits[0] == Leave(
        exit="closed",
        failure="all_closed",
        facts={"wall_time": "Monday 07:13 America/Los_Angeles", "hours": "monday 08:00-12:00, 13:00-18:00"},
    )


def test_holiday_and_dates_of_their_own_come_before_the_day_of_the_week() -> None:
    hours = {
        "zone": "America/Los_Angeles",
        "monday": ["08:00-18:00"],
        "holidays": {"calendar": "US"},
        "open_dates": {"2026-09-07": ["07:00-09:00"]},
        "closed_dates": ["2026-09-21"],
    }
    node = OpenHoursNode.model_validate({"type": "open_hours", "hours": hours})
    week_us = 7 * 24 * HOUR_US
    at_nine = MONDAY_0713_LOS_ANGELES + HOUR_US  # Monday 08:13, the 21st.
    steps = [node.enter(view(at=at_nine + weeks * week_us)) for weeks in (0, 1, -2)]
    assert [step.exit for step in steps if isinstance(step, Leave)] == ["closed", "open", "open"]
    labor_day_afternoon = node.enter(view(at=at_nine - 2 * week_us + 3 * HOUR_US))
    assert isinstance(labor_day_afternoon, Leave) and labor_day_afternoon.exit == "closed"
