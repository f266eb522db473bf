"""Nothing is recorded before the caller was told, wherever the caller or a target may be owed that."""

from typing import Any

import pytest

from ppc_engine.catalog.model import Buyer, Campaign, Catalog
from ppc_engine.flows.model import Caller, Leave, Pause, Step, View
from ppc_engine.flows.nodes.record import RecordNode
from ppc_engine.flows.waits import PlayWait, Resume, StartRecordingWait
from ppc_engine.values.places import Places
from tests.flows.node_views import example, view

NODE = example(RecordNode)
PLACES = Places(zips={"78701": "TX"}, area_codes={"512": "TX", "206": "WA"}, fingerprint="test")
TEXAN = {"caller": Caller(number="+15125550123", area_state="TX"), "area_code": "512", "places": PLACES}


def selling_to(*destinations: str, **more: Any) -> View:
    targets = [{"id": f"t{n}", "destination": number, "gateway": "g"} for n, number in enumerate(destinations)]
    buyer = Buyer.model_validate({"id": "acme", "name": "Acme", "zone": "UTC", "targets": targets})
    campaign = {"id": "roofing", "name": "Roofing", "flow": "f", "targets": [target["id"] for target in targets]}
    catalog = Catalog(
        campaigns={"roofing": Campaign.model_validate(campaign)},
        publishers={},
        buyers={"acme": buyer},
        targets={target.id: (buyer, target) for target in buyer.targets},
    )
    return view(**{**TEXAN, "catalog": catalog, **more})


def waits_for(step: Step) -> str:
    assert isinstance(step, Pause), step
    return step.wait.prompt if isinstance(step.wait, PlayWait) else type(step.wait).__name__


def test_between_one_party_states_nobody_need_be_told() -> None:
    assert waits_for(NODE.enter(selling_to("+15125550100"))) == "StartRecordingWait"


@pytest.mark.parametrize(
    ("seen", "demanded"),
    [
        (selling_to("+15125550100", caller=Caller(number="+13105550123", area_state="CA")), ["caller:CA"]),
        (selling_to("+15125550100", tags={"state": "PA"}), ["caller:PA"]),
        (selling_to("+15125550100", caller=Caller(kind="anonymous")), ["caller:?"]),
        (selling_to("+15125550100", "+12065550100"), ["target:WA"]),
        (selling_to("sip:sales@example.com"), ["target:?"]),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_where_it_is_demanded_the_prompt_comes_first(seen: View, demanded: list[str]) -> None:
    step = NODE.enter(seen)
    assert waits_for(step) == "call_recorded"
    assert isinstance(step, Pause) and step.facts["demanded_by"] == demanded
    assert waits_for(NODE.resume(seen, step.state, Resume())) == "StartRecordingWait"
    cut = NODE.resume(seen, step.state, Resume(timed_out=True))
    assert isinstance(cut, Leave) and cut.exit == "not_recorded"
    silent = NODE.model_copy(update={"consent_prompt": None}).enter(seen)
    assert isinstance(silent, Leave) and silent.exit == "not_recorded"


def test_always_and_given_earlier() -> None:
    assert waits_for(NODE.model_copy(update={"consent": "always"}).enter(selling_to("+15125550100"))) == "call_recorded"
    earlier = NODE.model_copy(update={"consent": "given_earlier", "consent_prompt": None})
    assert waits_for(earlier.enter(selling_to("+12065550100"))) == "StartRecordingWait"


@pytest.mark.parametrize(
    ("answer", "exit_name"),
    [(Resume(), "recording"), (Resume(failed=True), "not_recorded"), (Resume(timed_out=True), "not_recorded")],
)
def test_only_a_recording_that_runs_is_one(answer: Resume, exit_name: str) -> None:
    step = NODE.enter(selling_to("+15125550100"))
    assert isinstance(step, Pause) and isinstance(step.wait, StartRecordingWait)
    assert NODE.resume(view(), step.state, answer) == Leave(exit=exit_name)
