"""A choice goes its way and is kept; anything else is asked again, and in the end is no choice."""

import pytest

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.menu import MenuNode
from ppc_engine.flows.waits import DigitsWait, Resume
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

NODE = example(MenuNode)
FIRST = {"try": 1, "began_at": MONDAY_0713_LOS_ANGELES}


def test_asks_for_as_many_digits_as_its_choices_have() -> None:
    step = NODE.enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, DigitsWait)
    assert (step.wait.prompt, step.wait.digits_min, step.wait.digits_max) == ("menu_department", 1, 1)
    longer = NODE.model_copy(update={"choices": {"1": "sales", "250": "service"}}).enter(view())
    assert isinstance(longer, Pause) and isinstance(longer.wait, DigitsWait)
    assert (longer.wait.digits_min, longer.wait.digits_max) == (1, 3)


def test_choice_goes_its_way_and_is_kept() -> None:
    step = NODE.resume(view(), FIRST, Resume(digits="2"))
    assert isinstance(step, Leave)
    assert (step.exit, step.tags, step.facts) == ("service", {"department": "2"}, {"try": 1, "digits": "2"})
    assert NODE.tags_set("service") == {"department"} and NODE.tags_set("no_choice") == frozenset()


@pytest.mark.parametrize(("digits", "verdict"), [("3", "wrong_choice"), ("", "no_input")])
def test_no_choice_is_asked_again_and_then_given_up(digits: str, verdict: str) -> None:
    step = NODE.resume(view(), FIRST, Resume(digits=digits))
    assert isinstance(step, Pause) and isinstance(step.wait, DigitsWait)
    assert (step.wait.prompt, step.facts["verdict"]) == ("menu_again", verdict)
    last = NODE.resume(view(), {**FIRST, "try": 3}, Resume(digits=digits))
    assert isinstance(last, Leave) and (last.exit, last.failure, last.tags) == ("no_choice", "", {})
