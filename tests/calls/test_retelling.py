"""A call that is retold shows what every node and every choice saw, and says where it decides otherwise."""

import dataclasses
import json

import pytest

from ppc_engine.calls.retelling import retell
from tests.calls.call_traces import CALL_ID, Trace, buyer, context, target


def sold():
    """Answered, ZIP of California keyed, the first target busy, the second takes it."""
    acme = buyer("acme", target("acme-la", area={"states": ["CA"]}), target("acme-ny", area={"states": ["NY"]}))
    trace = Trace(context(acme, buyer("zenith", target("zenith-west", priority=2, concurrency_cap=3))))
    trace.park()
    trace.done(1)
    trace.done(3)
    trace.done(6, digits="90210")
    trace.usage()
    trace.slot() if trace.call.state.leases else None
    trace.leg_ended(8, "USER_BUSY", dialed=6, by="recv_refuse", sip=486)
    trace.done(8.1, cause="USER_BUSY")
    trace.usage()
    trace.slot()
    trace.bridged(10, number=2)
    return trace


def seen_of(trace, kind, retold):
    return [
        retold.of(number, place)
        for number, fact in enumerate(trace.facts)
        for place, (told, _) in enumerate(fact.get("d", ()))
        if told == kind
    ]


def test_every_node_shows_its_settings_and_the_tags_it_saw():
    trace = sold()
    retold = retell(trace.context, CALL_ID, trace.facts)
    nodes = seen_of(trace, "node", retold)
    assert [node["type"] for node in nodes][:3] == ["answer", "answer", "play"]
    asked = next(node for node in nodes if node["type"] == "collect_zip")
    assert (asked["settings"]["prompt"], asked["tags"]) == ("enter_zip", {})
    assert next(node for node in nodes if node["type"] == "route")["tags"]["zip_code"] == "90210"
    assert retold.differs == ""


def test_every_choice_shows_the_caller_and_all_candidates_with_all_reasons():
    trace = sold()
    first, second = seen_of(trace, "selection", retell(trace.context, CALL_ID, trace.facts))
    assert first["place"]["zip_code"] == "90210"
    assert [(c["target"], [r["code"] for r in c.get("reasons", ())]) for c in first["candidates"]] == [
        ("acme-la", []), ("acme-ny", ["out_of_area"]), ("zenith-west", []),
    ]  # fmt: skip
    assert second["tried"] == ["acme-la"]
    assert [r["code"] for r in second["candidates"][0]["reasons"]] == ["already_tried"]


def test_it_needs_no_secret_and_no_numbers_of_today():
    trace = sold()
    elsewhere = dataclasses.replace(trace.context, key=b"another", numbers={})
    retold = retell(elsewhere, CALL_ID, trace.facts)
    assert retold.differs == ""
    assert len(seen_of(trace, "selection", retold)) == 2


def test_facts_of_an_earlier_version_that_hold_their_candidates_are_no_difference():
    trace = sold()
    facts = json.loads(json.dumps(trace.facts))
    for fact in facts:
        for kind, data in fact.get("d", ()):
            if kind == "selection":
                data["candidates"] = [{"target": "acme-la", "priority": 1, "weight": 100}]
    assert retell(trace.context, CALL_ID, facts).differs == ""


def test_where_it_decides_otherwise_is_said_and_nothing_is_shown_in_the_wrong_place():
    trace = sold()
    facts = json.loads(json.dumps(trace.facts))
    number = next(n for n, fact in enumerate(facts) if any(kind == "selection" for kind, _ in fact.get("d", ())))
    selection = next(data for kind, data in facts[number]["d"] if kind == "selection")
    selection["target"] = "zenith-west"
    retold = retell(trace.context, CALL_ID, facts)
    assert retold.differs == f"fact {number + 1} (UsageRead): it decided selection, the replay selection"
    assert {"candidates"} & set(seen_of(trace, "selection", retold)[0]) == set()


@pytest.mark.parametrize("fact", [{"e": {"k": "Unheard", "at": 1}}, {"e": {"k": "AppCompleted", "at": 1}}])
def test_facts_that_this_version_does_not_know_end_the_retelling_and_no_more(fact):
    trace = sold()
    retold = retell(trace.context, CALL_ID, [*trace.facts[:3], fact, *trace.facts[3:]])
    assert retold.differs.startswith(f"fact 4 ({fact['e']['k']}): ")
    assert len([node for node in seen_of(trace, "node", retold) if node]) >= 3
