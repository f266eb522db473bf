"""Look-ups with music meanwhile, messages, recordings and sub-flows, as traces through the whole call machine."""

from __future__ import annotations

import dataclasses
from typing import Any

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import Trunk
from ppc_engine.flows.load import load_flows
from ppc_engine.values.document import Document
from tests.calls.call_traces import CALL_ID, DIRECT, T0, Trace, buyer, context, target

ACME = buyer("acme", target("acme-la"))
LOOKUP = {
    "type": "lookup",
    "url": "https://enrich.example.com/v1",
    "send": {"phone": "caller.number"},
    "take": {"score": "score"},
    "exits": {"ok": "by_score", "timeout": "bye", "refused": "bye", "failed": "bye", "bad_answer": "bye"},
}
NODES: dict[str, dict[str, Any]] = {
    "hello": {"type": "answer", "exits": {"done": "enrich"}},
    "enrich": LOOKUP,
    "by_score": {
        "type": "branch",
        "cases": [{"if": "int(tags.score) > 50", "exit": "good"}],
        "exits": {"good": "thanks", "otherwise": "bye"},
    },
    "thanks": {"type": "say", "text": "Thank you.", "prompt": "thanks", "exits": {"done": "bye"}},
    "bye": {"type": "hangup"},
}


def calling(nodes: dict[str, dict[str, Any]], start: str = "hello", **flows: dict[str, Any]) -> CallContext:
    """A network whose campaign runs a flow of these nodes; ``flows`` are more of them, the first node their start."""
    documents = [Document("main", {"id": "main", "start": start, "nodes": nodes}, {})]
    documents += [
        Document(name, {"id": name, "start": next(iter(own)), "nodes": own}, {}) for name, own in flows.items()
    ]
    loaded, issues = load_flows(documents, targets={"acme-la"}, prompts=None)
    assert not issues, issues
    direct = context(ACME, flow=DIRECT)
    campaign = direct.catalog.campaigns["roofing"].model_copy(update={"flow": "main"})
    catalog = dataclasses.replace(direct.catalog, campaigns={"roofing": campaign})
    return dataclasses.replace(direct, catalog=catalog, flows=loaded)


def looking_up(**changes: Any) -> Trace:
    """A caller who was answered, and about whom a server is asked."""
    trace = Trace(calling({**NODES, "enrich": {**LOOKUP, **changes}}))
    assert trace.park() == ["answer"]
    assert trace.done(0.1) == ["look up http https://enrich.example.com/v1", f"loop {changes.get('music', 'ringing')}"]
    return trace


def test_answer_stops_the_music_and_the_flow_goes_on_when_it_has_stopped() -> None:
    trace = looking_up()
    assert trace.looked_up(0.6, taken={"score": "87"}) == ["break"]
    assert "wait:2" not in trace.timers
    assert trace.done(0.62) == ["say Thank you."]
    assert not trace.timers.keys() & {"music:2", "wait:2"}
    assert trace.done(2.0) == ["hangup NORMAL_CLEARING"]
    assert trace.told("node") == {"node": "bye", "hangs_up": "NORMAL_CLEARING"}
    assert ("node", {"node": "enrich", "exit": "ok", "facts": {"score": "87"}}) in trace.decisions
    trace.ended(2.0, by="send_bye")
    assert trace.cdr().silent_ms == 0


def test_zip_of_an_answer_places_the_call() -> None:
    trace = looking_up(take={"zip_code": "zip"})
    trace.looked_up(0.6, taken={"zip_code": "10001"})
    trace.done(0.62)
    trace.ended(0.7, by="send_bye")
    cdr = trace.cdr()
    assert (cdr.zip_code, cdr.zip_source, cdr.state) == ("10001", "lead", "NY")


def test_break_that_the_switch_lost_is_given_again() -> None:
    trace = looking_up()
    assert trace.looked_up(0.11, taken={"score": "87"}) == ["break"]
    assert trace.fires(0.81, "music:2") == ["break"]
    assert trace.done(0.83) == ["say Thank you."]


def test_music_that_never_stops_ends_the_call() -> None:
    trace = looking_up()
    trace.looked_up(0.2, taken={"score": "87"})
    for number in range(1, 5):
        assert trace.fires(0.2 + 0.7 * number, "music:2") == ["break"]
    assert trace.fires(4.0, "music:2") == ["hangup NORMAL_TEMPORARY_FAILURE"]


def test_music_that_came_to_its_end_begins_again_and_a_missing_file_becomes_ringing() -> None:
    trace = looking_up(music="hold")
    assert trace.done(1.4) == ["loop hold"]  # It played for more than a second: a short file.
    missing = looking_up(music="hold")
    assert missing.done(0.12) == ["loop ringing"]
    assert missing.done(0.14) == []  # Not even that: silence is better than asking the switch for ever.
    assert missing.looked_up(0.5, taken={"score": "87"}) == ["say Thank you."]


def test_server_that_never_answers_is_given_up() -> None:
    trace = looking_up()
    assert trace.timers["wait:2"] == 3_000
    assert trace.fires(3.1, "wait:2") == ["break"]
    assert trace.looked_up(3.11, taken={"score": "87"}) == []  # Too late: it was decided already.
    assert trace.done(3.13) == ["hangup NORMAL_CLEARING"]
    assert ("node", {"node": "enrich", "exit": "timeout"}) in trace.decisions


def test_unanswered_caller_hears_the_network_ring() -> None:
    asking = {**LOOKUP, "exits": dict.fromkeys(LOOKUP["exits"], "bye")}
    trace = Trace(calling({"hello": asking, "bye": {"type": "hangup"}}))
    assert trace.park() == ["look up http https://enrich.example.com/v1"]
    assert trace.looked_up(0.2, status="refused") == ["hangup NORMAL_CLEARING"]


def test_answer_after_the_caller_left_changes_nothing() -> None:
    trace = looking_up()
    trace.hung_up(0.3)
    assert trace.looked_up(0.4, taken={"score": "1"}) == []
    assert trace.ended(0.5) == ["finish"]
    assert trace.cdr().outcome == "abandoned_in_ivr"


def test_restarted_engine_asks_again_and_an_old_answer_is_nobody_s() -> None:
    trace = looking_up()
    assert trace.adopted(5.0, "playback") == ["break", "look up http https://enrich.example.com/v1", "loop ringing"]
    assert trace.looked_up(5.1, command=2, taken={"score": "1"}) == []
    assert trace.done(5.1, command=3) == []  # The music of the engine before.
    assert trace.looked_up(5.2, taken={"score": "87"}) == ["break"]
    assert trace.done(5.22) == ["say Thank you."]


def test_lost_connection_does_not_ask_twice() -> None:
    trace = looking_up()
    assert trace.adopted(1.0, "playback", restarted=False) == []
    assert trace.looked_up(1.1, taken={"score": "87"}) == ["break"]


def test_message_is_taken_and_hanging_up_keeps_what_the_call_came_to() -> None:
    mail = {
        "hello": {"type": "answer", "exits": {"done": "hours"}},
        "hours": {
            "type": "open_hours",
            "hours": {"zone": "UTC"},
            "exits": {"open": "bye", "closed": "mail"},
        },
        "mail": {"type": "voicemail", "prompt": "leave_message", "exits": {"recorded": "bye", "empty": "bye"}},
        "bye": {"type": "hangup"},
    }
    trace = Trace(calling(mail))
    trace.park()
    assert trace.done(0.1) == ["play leave_message"]
    assert trace.done(3.0) == ["record message 120000 5000"]
    recording = trace.told("recording")
    assert recording["of"] == "message" and len(recording["recording_id"]) == 32
    assert CALL_ID.replace("-", "")[:8] not in recording["recording_id"]
    assert trace.done(20.0, recorded_ms=12_000) == ["hangup NORMAL_CLEARING"]
    assert ("node", {"node": "mail", "exit": "recorded", "facts": {"recorded_ms": 12_000}}) in trace.decisions
    trace.ended(20.0, by="send_bye")
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.silent_ms) == ("all_closed", 0)


RECORDING = {
    "hello": {"type": "answer", "exits": {"done": "rec"}},
    "rec": {"type": "record", "consent": "given_earlier", "exits": {"recording": "thanks", "not_recorded": "bye"}},
    "thanks": {"type": "play", "prompt": "thanks", "exits": {"done": "bye"}},
    "bye": {"type": "hangup"},
}


def test_call_is_recorded_or_says_that_it_is_not() -> None:
    trace = Trace(calling(RECORDING))
    trace.park()
    assert trace.done(0.1) == ["record call"]
    assert trace.done(0.2) == ["play thanks"]
    failing = Trace(calling(RECORDING))
    failing.park()
    failing.done(0.1)
    assert failing.done(0.2, cause="uri-failure") == ["hangup NORMAL_CLEARING"]


def test_switch_that_refuses_to_record_does_not_cost_the_call() -> None:
    trace = Trace(calling(RECORDING))
    trace.park()
    trace.done(0.1)
    assert trace.refused(0.2) == []
    assert trace.fires(1.2, "refused:2") == ["hangup NORMAL_CLEARING"]
    assert ("node", {"node": "rec", "exit": "not_recorded"}) in trace.decisions


def test_subflow_of_another_file_comes_back_and_survives_a_restart() -> None:
    main = {
        "hello": {"type": "answer", "exits": {"done": "ask"}},
        "ask": {"type": "subflow", "flow": "ages", "args": {"prompt": "x"}, "exits": {"known": "bye"}},
        "bye": {"type": "hangup"},
    }
    ages = {
        "age": {
            "type": "collect_digits",
            "prompt": "enter_age",
            "tag": "age",
            "exits": {"ok": "back", "failed": "back"},
        },
        "back": {"type": "return", "exit": "known"},
    }
    trace = Trace(calling(main, ages=ages))
    trace.park()
    assert trace.done(0.1) == ["collect enter_age"]
    assert trace.adopted(4.0, "park") == ["collect enter_age"]
    assert trace.done(8.0, digits="44") == ["hangup NORMAL_CLEARING"]
    assert trace.call.state.run is not None and trace.call.state.run.tags == {"age": "44"}
    trace.check_replay()


def offered(trusted: bool | None, **said: Any) -> Trace:
    """A call over a trunk that is trusted, is not, or (None) is not in the catalog."""
    plain = calling({"hello": {"type": "answer", "exits": {"done": "bye"}}, "bye": {"type": "hangup"}})
    trunks = {} if trusted is None else {"carrier": Trunk(id="carrier", trusted=trusted)}
    catalog = dataclasses.replace(plain.catalog, trunks=trunks)
    trace = Trace(dataclasses.replace(plain, catalog=catalog))
    trace.park(trunk="carrier", offered_at=T0, **said)
    return trace


SAID = {
    "caller_number": "+13105550123",
    "asserted_number": "+13105550123",
    "from_number": "anonymous",
    "attestation": "A",
    "private": True,
    "tags": {"lead": "77", "zip_code": "90210", "state": "NY", "sticky_target": "acme-la"},
}


def test_trusted_trunk_is_believed() -> None:
    trace = offered(True, **SAID)
    state = trace.call.state
    assert (state.caller_key, state.attestation, state.private) == ("+13105550123", "A", True)
    assert state.run is not None
    assert state.run.tags == {"lead": "77", "zip_code": "90210", "zip_source": "header", "state": "CA"}
    trace.done(0.1)
    trace.ended(1, by="send_bye")
    cdr = trace.cdr()
    assert (cdr.zip_code, cdr.zip_source, cdr.state, cdr.caller_key) == ("90210", "header", "CA", "+13105550123")


def test_untrusted_trunk_is_not() -> None:
    state = offered(False, **SAID).call.state
    assert (state.caller_key, state.caller_kind, state.attestation) == ("", "anonymous", "")
    assert state.run is not None and state.run.tags == {}


def test_trunk_that_nobody_described_is_believed_the_number_alone() -> None:
    state = offered(None, **SAID).call.state
    assert (state.caller_key, state.attestation) == ("+13105550123", "")
    assert state.run is not None and state.run.tags == {}


def test_zip_of_a_header_must_exist() -> None:
    state = offered(True, **{**SAID, "tags": {"zip_code": "99999"}}).call.state
    assert state.run is not None and state.run.tags == {}
