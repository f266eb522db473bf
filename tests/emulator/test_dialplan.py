"""The emulated claim pattern is the one that is shipped for a real switch."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ppc_engine.emulator.dialplan import CLAIM_DIALPLAN, GLOBALS, actions_of, expand
from tests.emulator.driving import Drive, answers

CONFIGURATION = Path(__file__).parent.parent.parent / "freeswitch" / "conf"


def shipped_extensions():
    """The XML dialplan as the emulator's data: name, when, whether it goes on, actions."""
    for extension in ElementTree.parse(CONFIGURATION / "dialplan" / "ppc.xml").getroot().iter("extension"):
        conditions = [condition for condition in extension.iter("condition") if "field" in condition.attrib]
        assert not any("break" in condition.attrib for condition in conditions), "not emulated"
        when = {condition.get("field"): condition.get("expression") for condition in conditions}
        actions = [(action.get("application"), action.get("data", "")) for action in extension.iter("action")]
        yield extension.get("name"), when, extension.get("continue") == "true", actions


def test_it_is_the_shipped_dialplan():
    emulated = [(one.name, one.when, one.continues, list(one.actions)) for one in CLAIM_DIALPLAN["ppc"]]
    assert emulated == list(shipped_extensions())


def test_its_globals_are_the_shipped_ones():
    text = (CONFIGURATION / "ppc_vars.xml").read_text()
    shipped = dict(re.findall(r'cmd="set" data="(ppc_\w+)=([^"]*)"', text))
    assert {name: value for name, value in GLOBALS.items() if name.startswith("ppc_")}.items() <= shipped.items()


def route(number, **fields):
    known = {"destination_number": number, "answered_time": "0", **fields}
    return actions_of(CLAIM_DIALPLAN, "ppc", lambda name: known.get(name, ""), lambda name: GLOBALS.get(name, ""))


CLAIMED = {"${ppc_dialplan}": "1"}
NO_NUMBER = [("set", 'sip_reason=Q.850;cause=1;text="unknown_number"'), ("hangup", "UNALLOCATED_NUMBER")]


def test_a_number_is_claimed_and_its_parameters_are_cut_off():
    actions = route("+18005550100;rn=1")
    assert [app for app, _ in actions] == ["ring_ready", "multiset", "sched_transfer", "park"]
    assert actions[1][1].startswith("ppc_dialed_number=+18005550100 ppc_dialplan=1 ")
    assert actions[2][1] == "+15 ppc_fallback XML ppc"


def test_a_stranger_cannot_dial_the_words_of_the_dialplan():
    for word in ("ppc_fallback", "ppc_reclaim", "operator", ""):
        assert route(word) == NO_NUMBER


def test_a_claimed_call_that_is_transferred_is_not_claimed_again():
    assert route("+19005550100", **CLAIMED) == NO_NUMBER


def test_the_three_fallbacks():
    assert route("ppc_fallback", **CLAIMED)[-1] == ("hangup", "NORMAL_TEMPORARY_FAILURE")
    answered = {**CLAIMED, "answered_time": "1795000000000000"}
    assert route("ppc_fallback", **answered)[0][0] == "playback"
    backup = {**answered, "${ppc_backup_route}": "sofia/gateway/backup/100"}
    assert route("ppc_fallback", **backup)[1] == ("bridge", "")
    assert route("ppc_fallback", **backup, **{"${ppc_reclaimed}": "true"})[0][0] == "playback"


def test_a_caller_who_asked_for_privacy_is_anonymous_to_buyers():
    assert route("+18005550100", privacy_hide_number="true")[0] == ("set", "effective_caller_id_number=anonymous")
    drive = Drive(callers=[{"private": True}], buyers=[answers()]).run(1)
    drive.bridge("trunks/b@127.0.0.1:6001").run(2)
    assert drive.last("ANSWER", "B")["Caller-Caller-ID-Number"] == "anonymous"
    assert drive.last("PARK")["Caller-Caller-ID-Number"] == "+13105550123"
    assert drive.last("PARK")["Caller-Privacy-Hide-Number"] == "true"


def test_variables_are_filled_in_and_unknown_ones_are_empty():
    assert expand("a=${x} b=${y}", lambda name: "1" if name == "x" else "") == "a=1 b="
    assert actions_of(CLAIM_DIALPLAN, "elsewhere", lambda name: "", lambda name: "") == []
