"""Calls that happen nowhere: every way a telephone, a caller and a cap can behave, through the real deciding code."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import BreakApp, Command, Play
from ppc_engine.calls.events import AppCompleted, event_from_plain
from ppc_engine.rehearsal import rehearse as rehearsing
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import Script
from ppc_engine.rehearsal.playing import offer_of
from ppc_engine.rehearsal.world import RehearsalError, World
from tests.rehearsal.workshop import play, play_all, stage, told

SELL = ["hello.done", "ask.ok"]


@pytest.fixture(scope="module")
def at():
    return stage()


def tried(call):
    return [(attempt.target, attempt.outcome) for attempt in call.cdr.attempts]


def test_a_call_goes_from_its_offer_to_the_money(at):
    call = play(at, digits="90210", buyers={"acme-one": {"rings_ms": 4000, "talks_ms": 31_000}})
    assert told(call) == [*SELL, "sell.ended", "bye"]
    assert tried(call) == [("acme-one", "answered")]
    cdr = call.cdr
    assert (cdr.outcome, cdr.connected_ms, cdr.ring_ms, cdr.ivr_ms) == ("connected", 31_000, 4000, 2000 + 2200)
    assert cdr.total_ms == cdr.ivr_ms + cdr.ring_ms + cdr.connected_ms
    assert call.judgement.revenue_micros == 40_000_000
    assert call.judgement.payout_micros == 25_000_000
    assert call.tags == {"zip_code": "90210", "zip_source": "ivr", "state": "CA"}
    assert call.heard == ("enter_zip",)


@pytest.mark.parametrize(
    ("phone", "outcome", "ring_ms"),
    [
        ("busy", "busy", 0),
        ({"does": "busy", "rings_ms": 700}, "busy", 700),
        ("reject", "rejected", 3000),
        ({"does": "reject", "status": 480}, "no_answer", 3000),
        ("no_answer", "no_answer", 20_000),
        ({"does": "answer", "rings_ms": 20_001}, "no_answer", 20_000),
        ("silent", "unreachable", 8000),
        ("unreachable", "unreachable", 0),
        ("fail", "failed", 0),
    ],
)
def test_a_telephone_that_does_not_answer_is_followed_by_the_next(at, phone, outcome, ring_ms):
    call = play(at, digits="90210", buyers={"acme-one": phone})
    assert tried(call) == [("acme-one", outcome), ("acme-two", "answered")]
    assert call.cdr.attempts[0].ring_ms == ring_ms
    assert call.cdr.silent_ms == 0


def test_a_gateway_that_is_down_makes_no_leg(at):
    call = play(at, digits="90210", buyers={"acme-one": "gateway_down"})
    assert tried(call) == [("acme-one", "unreachable"), ("acme-two", "answered")]
    assert [f["e"]["leg_id"] for f in call.facts if f["e"]["k"] == "LegEnded"] == [call.cdr.attempts[1].leg_id]


def test_a_telephone_may_behave_otherwise_the_second_time(at):
    call = play(at, digits="90210", buyers={"*": ["busy", "no_answer"]})
    assert tried(call) == [("acme-one", "busy"), ("acme-two", "busy")]  # each has a second time of its own
    assert told(call) == [*SELL, "sell.all_no_answer", "bye"]


def test_who_hangs_up_too_soon_loses_the_caller_to_the_next(at):
    call = play(at, digits="90210", buyers={"acme-one": {"talks_ms": 5000}})
    assert tried(call) == [("acme-one", "answered"), ("acme-two", "answered")]
    assert [record.verdict for record in call.judgement.records if record.side == "buyer"] == ["yes"]
    call = play(at, digits="90210", buyers={"acme-one": {"talks_ms": 5000, "hangs_up": "caller"}})
    assert tried(call) == [("acme-one", "answered")]
    assert (call.cdr.hung_up_by, call.cdr.connected_ms) == ("caller", 5000)


@pytest.mark.parametrize(
    ("keys", "path", "heard"),
    [
        (["9", "90210"], "ask.ok", ("enter_zip", "bad_zip")),
        (["00000", "1#"], "ask.zip_failed", ("enter_zip", "bad_zip")),
        ("90wwwwww210", "ask.ok", ("enter_zip", "bad_zip")),  # 3.3 s from the 0 to the 2: too slow, and again
        ("90wwwww210", "ask.ok", ("enter_zip",)),
        ("WWWWWW90210", "ask.zip_failed", ("enter_zip", "bad_zip")),  # 7 s to the first key, 6 are allowed
    ],
)
def test_keys_take_the_time_that_they_take(at, keys, path, heard):
    if path == "ask.ok" and len(heard) == 2 and isinstance(keys, str):
        keys = [keys, "90210"]
    call = play(at, digits={"ask": keys})
    assert told(call)[1] == path
    assert call.heard == heard


def test_the_patience_of_a_node_interrupts_the_keys(at):
    call = play(at, digits={"ask": "WWWWW9wwww0wwww2wwww1WW"}, prompts_ms={"enter_zip": 28_000})
    assert told(call)[1] == "ask.zip_failed"
    assert call.cdr.total_ms == 30_000


@pytest.mark.parametrize(
    ("hang_up", "path", "outcome", "total_ms"),
    [
        ({"after_ms": 1000}, ["hello.done", "ask"], "abandoned_in_ivr", 1000),
        ("1000", ["hello.done", "ask"], "abandoned_in_ivr", 1000),
        ({"on": "answered", "after_ms": 700}, ["hello.done", "ask"], "abandoned_in_ivr", 700),
        ({"node": "ask", "after_ms": 1500}, ["hello.done", "ask"], "abandoned_in_ivr", 1500),
        ({"on": "ringing", "after_ms": 500}, [*SELL, "sell"], "abandoned_ringing", 4700),
        ({"on": "connected", "after_ms": 500}, [*SELL, "sell"], "connected", 7700),
    ],
)
def test_a_caller_hangs_up_at_any_moment(at, hang_up, path, outcome, total_ms):
    call = play(at, digits="90210", caller_hangs_up=hang_up)
    assert (told(call), call.cdr.outcome, call.cdr.total_ms) == (path, outcome, total_ms)
    assert call.cdr.hung_up_by == "caller"


def test_caps_in_use_are_those_of_the_test(at):
    call = play(at, digits="90210", counters={"target:acme-one": "1"})
    assert tried(call) == [("acme-two", "answered")]
    call = play(at, digits="90210", counters={"target:acme-one": "1", "target:acme-two/connect/day": "5"})
    assert told(call) == [*SELL, "sell.all_capped", "full.done", "bye"]
    assert call.cdr.outcome == "all_capped"


def test_others_come_and_go_while_the_call_hunts(at):
    full = {"target:acme-two/connect/day": 5}
    busy = {"digits": "90210", "buyers": {"acme-one": {"does": "busy", "rings_ms": 2000}}}
    call = play(at, **busy, changes=[{"at_choice": 2, "counters": full}])
    assert (tried(call), call.cdr.outcome) == ([("acme-one", "busy")], "all_no_answer")
    call = play(at, **busy, changes=[{"after_ms": 5000, "counters": full}])  # between the first dial and its end
    assert tried(call) == [("acme-one", "busy")]
    call = play(at, **busy, counters=full, changes=[{"after_ms": 5000, "counters": {"target:acme-two/connect/day": 4}}])
    assert tried(call) == [("acme-one", "busy"), ("acme-two", "answered")]


def test_what_operators_paused_is_left_out(at):
    call = play(at, digits="90210", paused={"target:acme-one": "ann: bad audio"})
    assert tried(call) == [("acme-two", "answered")]
    call = play(at, digits="90210", paused=["publisher:peak"])
    assert (call.cdr.outcome, call.path) == ("blocked", ())


PLACED = ["screen.pass", "known.new", "hello.done", "greet.done", "place.placed", "ask_place/ask.ok",
          "ask_place/got_it.placed", "record.recording"]  # fmt: skip
LOST = [*PLACED[:4], "place.lost", "ask_place/ask.zip_failed", "ask_place/gave_up.lost"]


def test_a_sub_flow_comes_back_with_an_exit(at):
    call = play(at, "long", digits={"ask_place/ask": "90210", "menu": "1"})
    assert told(call) == [*PLACED, "menu.half", "half.ended", "bye"]
    assert call.heard == ("welcome", "enter_zip", "recorded", "choose")


def test_a_goto_leaves_for_good(at):
    call = play(at, "long", digits={"short/ask": "90210"})
    came = ["menu.no_choice", "old", "short/hello.done", "short/ask.ok", "short/sell.ended", "short/bye"]
    assert told(call)[-6:] == came


@pytest.mark.parametrize(
    ("message_ms", "path", "total"),
    [(4000, "mail.recorded", 9000), (0, "mail.empty", 5000), (200_000, "mail.recorded", 120_000)],
)
def test_a_message_ends_with_silence(at, message_ms, path, total):
    call = play(at, "long", digits={"menu": "2"}, messages_ms={"mail": message_ms})
    assert told(call)[len(LOST) + 1] == path
    recorded = next(f["e"] for f in call.facts if f["e"].get("app") == "record")
    assert recorded.get("recorded_ms", 0) == min(message_ms, 120_000)


def test_a_caller_waits_until_a_slot_comes_free(at):
    capped = {"digits": {"menu": "3"}, "counters": {"target:acme-one": 1}}
    call = play(at, "long", **capped, frees={"target:acme-one": 40_000})
    assert told(call)[-3:] == ["menu.wait", "wait.ended", "bye"]
    assert call.cdr.attempts[0].dialed_at - call.cdr.offered_at == 40_000_000
    call = play(at, "long", **capped)
    assert told(call)[-3:] == ["wait.waited_too_long", "full.done", "bye"]
    call = play(at, "long", **capped, line=3)
    assert told(call)[-3:] == ["wait.full", "full.done", "bye"]
    call = play(at, "long", **capped, line=1, frees={"target:acme-one": [20_000, 45_000]})
    assert call.cdr.attempts[0].dialed_at - call.cdr.offered_at == 45_000_000  # the other caller took the first


def test_a_break_stops_what_ran_when_it_was_given_and_nothing_else(at):
    world = World(Call.new(at.context, "c1"), play_offer(at), Script(), Others(at.context.catalog, 0))
    world.perform([Play(call_id="c1", command_id="c1.1", prompt="hold", loops=True)])
    world.perform([BreakApp(call_id="c1"), BreakApp(call_id="c1")])
    first = world.agenda.next()
    assert isinstance(first, AppCompleted) and first.command_id == "c1.1"
    world.perform([Play(call_id="c1", command_id="c1.2", prompt="closed")])
    second = world.agenda.next()
    assert isinstance(second, AppCompleted) and second.command_id == "c1.2"
    assert second.at - first.at == 2_000_000  # to its own end: the second break was lost


def test_a_caller_who_waited_too_long_may_be_sent_elsewhere(at):
    call = play(at, "long", digits={"menu": "7"}, counters={"target:acme-one": 1}, buyers={"desk": {"talks_ms": 5000}})
    assert told(call)[-4:] == ["menu.patient", "patient.waited_too_long", "desk.ended", "bye"]
    assert call.cdr.outcome == "connected"


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ({"data": {"result": {"score": "7"}}}, ["enrich.ok", "by_score.good"]),
        ({"data": '{"result": {"score": 3}}'}, ["enrich.ok", "by_score.otherwise"]),
        ({"data": {"result": {}}}, ["enrich.ok", "by_score.otherwise"]),
        ({"status": "bad_answer"}, ["enrich.bad_answer", "old"]),
        ({"status": "ok", "after_ms": 2001}, ["enrich.timeout", "old"]),
    ],
)
def test_a_look_up_finds_what_the_test_says(at, found, path):
    call = play(at, "long", digits={"menu": "5"}, lookups={"enrich": found})
    assert told(call)[len(LOST) + 1 : len(LOST) + 3] == path


def test_a_look_up_of_which_the_test_says_nothing_fails_loudly(at):
    with pytest.raises(RehearsalError, match="node enrich looks up http"):
        play(at, "long", digits={"menu": "5"})


def test_earlier_calls_are_found_by_nodes_and_by_the_money(at):
    earlier = [{"ago": "3d", "target": "acme-other", "converted": "buyer"}, {"ago": "40d", "target": "acme-one"}]
    call = play(at, "long", digits={"menu": "1"}, history=earlier)
    assert told(call)[1:3] == ["known.bought", "thanks.done"]
    assert call.tags["sticky_target"] == "acme-other"
    assert {reason.code for record in call.judgement.records for reason in record.reasons} == {"duplicate"}
    assert told(play(at, "long", history=earlier[1:]))[1] == "known.new"  # 40 days ago is too long ago


def test_whoever_answers_must_accept(at):
    call = play(at, "long", digits={"menu": "6"})
    attempt = call.cdr.attempts[0]
    assert attempt.connected_at - attempt.target_answered_at == 4_000_000  # whisper and question, 2 s each
    call = play(at, "long", digits={"menu": "6"}, buyers={"acme-careful": {"presses": ""}})
    assert tried(call) == [("acme-careful", "no_answer"), ("acme-two", "answered")]
    call = play(at, "long", digits={"menu": "6"}, buyers={"acme-careful": {"leaves_ms": 3999}})
    assert tried(call) == [("acme-careful", "rejected"), ("acme-two", "answered")]
    call = play(at, "long", digits={"menu": "6"}, buyers={"acme-careful": {"leaves_ms": 4001}})
    assert tried(call) == [("acme-careful", "answered")]


def test_of_several_that_ring_the_first_to_answer_talks(at):
    phones = {"acme-half": {"rings_ms": 5000}, "acme-other": {"rings_ms": 2000}, "acme-one": "busy"}
    call = play(at, "both", buyers=phones)
    assert sorted(tried(call)) == [("acme-half", "cancelled"), ("acme-one", "busy"), ("acme-other", "answered")]
    loser = next(f["e"] for f in call.facts if f["e"].get("cause") == "LOSE_RACE")
    assert loser["ended_at"] - loser["created_at"] == 2_000_000
    assert call.cdr.attempts[0].dialed_at == call.cdr.attempts[2].dialed_at
    call = play(at, "both", buyers={"*": {"rings_ms": 2000, "talks_ms": 50_000, "hangs_up": "caller"}})
    assert sum(outcome == "answered" for _, outcome in tried(call)) == 1


def test_shares_are_those_of_many_calls(at):
    calls = play_all(at, "shares", calls=500)
    few = sum(told(call)[0] == "cut.few" for call in calls)
    assert 70 <= few <= 130  # 20 % of 500, give or take
    assert len({call.cdr.call_id for call in calls}) == 500
    assert [told(call) for call in calls] == [told(call) for call in play_all(at, "shares", calls=500)]


@dataclass(slots=True, kw_only=True)
class Sing(Command):
    """Nobody knows how."""


def test_a_command_that_is_not_known_ends_the_rehearsal(at):
    given_ = play_offer(at)
    world = World(Call.new(at.context, "c1"), given_, Script(), Others(at.context.catalog, 0))
    with pytest.raises(RehearsalError, match="does not know the command Sing"):
        world.perform([Sing(call_id="c1")])


def play_offer(at):
    from ppc_engine.rehearsal.cases import Given
    from tests.rehearsal.workshop import BASE

    return offer_of(Given.model_validate(BASE), "+18005550100", "c1")


def test_every_command_of_the_deciding_code_is_known(at):
    known = World(Call.new(at.context, "c1"), play_offer(at), Script(), Others(at.context.catalog, 0)).known_commands
    there_are = {kind for kind in Command.__subclasses__() if kind.__module__ == Command.__module__}
    assert there_are - known == set()


def test_a_call_that_nobody_ends_is_told(at, monkeypatch):
    monkeypatch.setattr(World, "_finish", lambda self, command: None)
    with pytest.raises(RehearsalError, match="nothing more happens"):
        play(at, digits="90210")
    monkeypatch.setattr(rehearsing, "EVENTS_MAX", 3)
    with pytest.raises(RehearsalError, match="within 3 events"):
        play(at, digits="90210")


PHONES = st.one_of(
    st.sampled_from(["busy", "reject", "no_answer", "silent", "unreachable", "fail", "gateway_down"]),
    st.fixed_dictionaries(
        {
            "rings_ms": st.integers(0, 30_000), "talks_ms": st.integers(0, 60_000),
            "hangs_up": st.sampled_from(["target", "caller"]), "presses": st.sampled_from(["1", ""]),
        },
        optional={"leaves_ms": st.integers(1, 9_000)},
    ),
)  # fmt: skip
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "digits": st.dictionaries(
            st.sampled_from(["ask", "menu", "ask_place/ask", "short/ask"]),
            st.lists(st.text("0123456#wW", max_size=7) | st.sampled_from(["90210", *"123456"]), max_size=3),
            max_size=4,
        ),
        "buyers": st.dictionaries(
            st.sampled_from(["acme-one", "acme-two", "acme-half", "acme-careful", "desk", "*"]),
            st.lists(PHONES, min_size=1, max_size=2),
            max_size=4,
        ),
        "caller_hangs_up": st.one_of(
            st.builds(lambda ms: {"after_ms": ms}, st.integers(1, 90_000)),
            st.builds(
                lambda on, ms: {"on": on, "after_ms": ms},
                st.sampled_from(["answered", "ringing", "connected"]), st.integers(1, 5_000),
            ),
            st.builds(lambda node, ms: {"node": node, "after_ms": ms}, st.sampled_from(["wait", "menu", "mail"]),
                      st.integers(1, 20_000)),
        ),
        "counters": st.just({"target:acme-one": 1}),
        "frees": st.just({"target:acme-one": [25_000]}),
        "line": st.integers(0, 3),
        "caller": st.sampled_from(["+13105550111", "anonymous", "12"]),
        "history": st.just([{"ago": "2d", "target": "acme-two", "converted": ["buyer"]}]),
        "test": st.just("true"),
        "paused": st.sampled_from([["target:acme-two"], ["publisher:peak"], ["buyer:acme"]]),
    },
)  # fmt: skip


@given(CALLS, st.sampled_from(["short", "long", "both"]))
@settings(max_examples=150, deadline=None)
def test_whatever_people_do_a_call_ends_replays_and_gives_everything_back(told_of_it, flow):
    if "frees" in told_of_it and "counters" not in told_of_it:
        told_of_it = {**told_of_it, "counters": {"target:acme-one": 1}}
    found = {"http": {"data": {"result": {"score": "7"}}}}
    call = play(STAGE, flow, lookups=found, **told_of_it)
    again = Call.new(call.context, call.cdr.call_id)
    for fact in call.facts:
        assert again.handle(event_from_plain(call.cdr.call_id, fact["e"])).to_plain() == fact
    taken = [c for fact in call.facts for c in fact.get("c", ()) if c["k"] == "ReserveSlot"]
    refused = [fact["e"] for fact in call.facts if fact["e"]["k"] == "SlotRefused"]
    slots = [c for c in taken if any("/" not in key for key in c["caps"])]
    released = [c for fact in call.facts for c in fact.get("c", ()) if c["k"] == "ReleaseSlot"]
    assert {c["lease_id"] for c in slots} - {e["lease_id"] for e in refused} <= {c["lease_id"] for c in released}


STAGE = stage()
