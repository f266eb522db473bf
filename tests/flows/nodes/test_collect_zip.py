"""Partial digits are never accepted, a ZIP must exist, tries and total time are bounded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.collect_zip import CollectZipNode
from ppc_engine.flows.waits import DigitsWait, Resume
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, PLACES, example, view

NODE = example(CollectZipNode)


def asked(number: int = 1) -> dict[str, Any]:
    return {"try": number, "began_at": MONDAY_0713_LOS_ANGELES}


def test_zip_that_exists_is_taken_with_its_state() -> None:
    step = NODE.resume(view(), asked(), Resume(digits="02134"))
    assert isinstance(step, Leave)
    assert (step.exit, step.failure) == ("ok", "")
    assert step.tags == {"zip_code": "02134", "zip_source": "ivr", "state": "MA"}


@pytest.mark.parametrize(
    ("digits", "verdict"), [("", "no_input"), ("9", "partial"), ("9021", "partial"), ("99999", "unknown_zip")]
)
def test_anything_else_is_asked_again_with_the_other_prompt(digits: str, verdict: str) -> None:
    step = NODE.resume(view(), asked(), Resume(digits=digits))
    assert isinstance(step, Pause) and isinstance(step.wait, DigitsWait)
    assert (step.wait.prompt, step.state["try"], step.facts["verdict"]) == ("bad_zip", 2, verdict)


def test_tries_are_bounded() -> None:
    step = NODE.resume(view(), asked(3), Resume(digits="9021"))
    assert isinstance(step, Leave) and (step.exit, step.failure) == ("zip_failed", "zip_failed")


def test_total_time_is_bounded_and_shortens_the_last_wait() -> None:
    late = view(at=MONDAY_0713_LOS_ANGELES + 40_000_000)
    step = NODE.resume(late, asked(), Resume())
    assert isinstance(step, Pause) and step.wait.ms_max == 5_000
    too_late = view(at=MONDAY_0713_LOS_ANGELES + 45_000_000)
    step = NODE.resume(too_late, asked(), Resume(timed_out=True))
    assert isinstance(step, Leave) and step.exit == "zip_failed" and step.facts["spent_ms"] == 45_000


def test_right_zip_keyed_just_as_time_ran_out_still_counts() -> None:
    step = NODE.resume(view(at=MONDAY_0713_LOS_ANGELES + 45_000_000), asked(), Resume(digits="90210", timed_out=True))
    assert isinstance(step, Leave) and step.exit == "ok"


@given(st.text(max_size=8))
def test_only_a_zip_of_the_data_ever_passes(digits: str) -> None:
    step = NODE.resume(view(), asked(), Resume(digits=digits))
    assert (isinstance(step, Leave) and step.exit == "ok") == (digits in PLACES.zips)
