"""Queue, press-1 with whisper, targets that ring at once and ring again: the engine against the emulated switch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from ppc_engine.emulator.scenario import Scenario
from tests.scenarios.small_network import NUMBER
from tests.test_wiring import installed, wait_for

SILENT_MS_MAX = 3_000  # In emulated time: what a busy machine takes between two commands counts forty times.
EXITS = (
    "exits: {ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye, recovered_none: bye%s}"
)
FLOW = """
id: roofing
start: hello
nodes:
  hello: {type: answer, exits: {done: sell}}
  sell:
    type: %s
    %s
  bye: {type: hangup}
"""


def flow(kind: str, more: str = "") -> str:
    exits = EXITS % (", full: bye, waited_too_long: bye" if kind == "queue" else "")
    return FLOW % (kind, "\n    ".join(filter(None, (more, exits))))


def run(directory: Path, text: str, targets: str, scenario: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Play a scenario against a network of this flow and these targets: the CDRs, and what the callers heard."""
    callers = [{"dials": [NUMBER], "number": "+1310555####", **caller} for caller in scenario["callers"]]
    people = Scenario.model_validate({**scenario, "callers": callers})
    with installed(directory, people) as installation:
        (installation.config_dir / "flows/roofing.yaml").write_text(text)
        buyer = installation.config_dir / "catalog/buyers/acme.yaml"
        before, rest = buyer.read_text().split("targets:\n")
        buyer.write_text(f"{before}targets:\n{targets}offers:{rest.split('offers:')[1]}")
        engine = installation.engine()
        engine.start()
        try:
            engine.wait_in_step(10)
            installation.switch.begin_calls()
            wait_for(lambda: installation.switch.done.is_set() and not engine.busy)
            assert engine.dispatcher.queues.waiting() == {}
            assert not [held for held in engine.capacity.used_now() if "/" not in held]
        finally:
            engine.stop()
        assert not [fields for event, fields in installation.logged if event == "bug"]
        records = sorted(installation.records(), key=lambda cdr: cdr.offered_at)
        heard = {result.uuid: result for result in installation.switch.results}
        return records, [heard[cdr.call_id] for cdr in records]


def target(name: str, more: str = "") -> str:
    return f'  - {{id: acme-{name}, destination: "sip:{name}@127.0.0.1:6001", ring_ms_max: 20000{more}}}\n'


def telephone(name: str, **behaviour: Any) -> dict[str, Any]:
    behaviour = {"does": "answer", "rings_ms": 1_000, **behaviour}
    return {"id": name, "address": f"{name}@127.0.0.1:6001", "behaviours": [behaviour]}


TWO = target("la") + target("two", ", priority: 2")


def test_callers_in_a_queue_are_served_in_the_order_of_coming_and_hear_music(tmp_path: Path) -> None:
    scenario = {
        "callers": [{"id": "c", "calls": 4, "every_ms": 2_000, "talk_ms": 10_000}],
        "buyers": [telephone("la")],
        "prompts": {"hold_music": 4_000, "you_are_next": 1_500},
    }
    more = "music: hold_music\n    positions: [you_are_next]\n    position_ms: 10000\n    targets: [acme-la]"
    targets = target("la", ", concurrency_cap: 1") + target("two", ", priority: 2")
    records, heard = run(tmp_path, flow("queue", more), targets, scenario)
    assert [cdr.outcome for cdr in records] == ["connected"] * 4
    rung = [cdr.attempts[0].dialed_at for cdr in records]
    assert rung == sorted(rung) and len({cdr.attempts[0].leg_id for cdr in records}) == 4
    for earlier, later in itertools.pairwise(records):
        assert later.attempts[0].dialed_at >= earlier.disconnected_at  # the one slot of the target
    assert all(result.silent_ms < SILENT_MS_MAX for result in heard)


def test_who_waits_too_long_or_gives_up_leaves_the_queue(tmp_path: Path) -> None:
    scenario = {
        "callers": [
            {"id": "talks", "talk_ms": 40_000},
            {"id": "waits", "first_ms": 3_000},
            {"id": "leaves", "first_ms": 4_000, "patience_ms": 3_000},
        ],
        "buyers": [telephone("la")],
    }
    more = "wait_ms_max: 8000\n    targets: [acme-la]"
    targets = target("la", ", concurrency_cap: 1") + target("two", ", priority: 2")
    records, _ = run(tmp_path, flow("queue", more), targets, scenario)
    assert [cdr.outcome for cdr in records] == ["connected", "all_capped", "abandoned_in_queue"]
    assert 8_000 <= records[1].total_ms <= 10_000


def test_who_does_not_press_one_is_followed_by_who_does(tmp_path: Path) -> None:
    accept = ", whisper: connecting, accept: {prompt: press_one, ms_max: 6000}"
    scenario = {
        "callers": [{"id": "c", "talk_ms": 10_000}],
        "buyers": [telephone("la"), telephone("two", presses="1", presses_after_ms=3_000)],
        "prompts": {"connecting": 1_000, "press_one": 3_000},
    }
    targets = target("la", accept) + target("two", f", priority: 2{accept}")
    (cdr,), (heard,) = run(tmp_path, flow("route"), targets, scenario)
    assert [(a.target, a.outcome) for a in cdr.attempts] == [("acme-la", "no_answer"), ("acme-two", "answered")]
    last = cdr.attempts[1]
    assert last.connected_at - last.target_answered_at == pytest.approx(3_000_000, abs=100_000)
    assert last.connected_ms == pytest.approx(10_000, abs=100)
    assert heard.silent_ms < SILENT_MS_MAX


def test_of_those_who_ring_at_once_one_talks(tmp_path: Path) -> None:
    scenario = {
        "callers": [{"id": "c", "calls": 3, "every_ms": 20_000, "talk_ms": 5_000}],
        "buyers": [telephone("la", rings_ms=4_000), telephone("two", rings_ms=1_500)],
    }
    records, _ = run(tmp_path, flow("route", "together: 2"), target("la") + target("two"), scenario)
    for cdr in records:
        assert {a.target: a.outcome for a in cdr.attempts} == {"acme-la": "cancelled", "acme-two": "answered"}
        assert cdr.ring_ms == pytest.approx(1_500, abs=150)


def test_a_busy_target_is_rung_again_while_the_caller_hears_ringing(tmp_path: Path) -> None:
    scenario = {
        "callers": [{"id": "c", "talk_ms": 5_000}],
        "buyers": [telephone("la", does="busy", rings_ms=200), telephone("two")],
    }
    targets = target("la", ", redial: {busy: 1, after_s: 4}") + target("two", ", priority: 2")
    (cdr,), (heard,) = run(tmp_path, flow("route"), targets, scenario)
    assert [(a.target, a.outcome) for a in cdr.attempts] == [
        ("acme-la", "busy"), ("acme-la", "busy"), ("acme-two", "answered"),
    ]  # fmt: skip
    pause_us = cdr.attempts[1].dialed_at - cdr.attempts[0].ended_at
    assert 4_000_000 <= pause_us <= 6_500_000
    assert heard.silent_ms < SILENT_MS_MAX


def test_an_office_takes_the_caller_whom_nobody_buys(tmp_path: Path) -> None:
    office = '{type: dial, destination: "sip:two@127.0.0.1:6001", exits: {ended: bye, no_answer: bye}}'
    text = flow("route").replace("all_no_answer: bye", "all_no_answer: office")
    text = text.replace("  bye:", f"  office: {office}\n  bye:")
    scenario = {
        "callers": [{"id": "c"}],
        "buyers": [telephone("la", does="busy"), telephone("two", hangs_up_after_ms=7_000)],
    }
    (cdr,), _ = run(tmp_path, text, target("la") + target("two", ", priority: 2, paused: true"), scenario)
    assert [(a.target, a.buyer, a.outcome) for a in cdr.attempts] == [
        ("acme-la", "acme", "busy"), ("", "", "answered"),
    ]  # fmt: skip
    assert (cdr.outcome, cdr.hung_up_by) == ("connected", "engine")
