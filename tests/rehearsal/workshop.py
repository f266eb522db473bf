"""A small network with every kind of node, in memory, and what tests of the rehearsal do with it."""

from __future__ import annotations

from typing import Any

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.load import CatalogDocuments, load_catalog
from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.flows.load import load_flows
from ppc_engine.flows.model import Flow
from ppc_engine.rehearsal.cases import CaseFile
from ppc_engine.rehearsal.expecting import Difference, differences
from ppc_engine.rehearsal.load_cases import Names, load_cases
from ppc_engine.rehearsal.playing import Stage
from ppc_engine.rehearsal.rehearse import Rehearsed
from ppc_engine.storage.strict_yaml import parse_yaml
from ppc_engine.values.document import Document
from ppc_engine.values.places import Places

PLACES = Places(
    zips={"90210": "CA", "10001": "NY", "02134": "MA", "33101": "FL"},
    area_codes={"310": "CA", "212": "NY"},
    fingerprint="test",
)
BUYERS = """
id: acme
name: Acme
zone: America/Los_Angeles
targets:
  - {id: acme-one, destination: "sip:one@127.0.0.1:6001", concurrency_cap: 1, ring_ms_max: 20000}
  - {id: acme-two, destination: "sip:two@127.0.0.1:6001", priority: 2, caps: [{calls: 5, per: day}]}
  - {id: acme-half, destination: "sip:half@127.0.0.1:6001", weight: 50}
  - {id: acme-other, destination: "sip:other@127.0.0.1:6001", weight: 150}
  - {id: acme-careful, destination: "sip:careful@127.0.0.1:6001", whisper: whisper,
     accept: {prompt: press_one, digit: "1", ms_max: 8000}}
offers:
  - {id: acme-leads, campaign: leads, amount: "40.00", connected_ms_min: 30000,
     unique_caller: {scope: buyer, event: converted, window_days: 30}}
"""
PUBLISHERS = """
id: peak
name: Peak
zone: UTC
offers: [{id: peak-leads, campaign: leads, amount: "25.00", connected_ms_min: 30000}]
"""
CAMPAIGNS = """
id: leads
name: Leads
flow: short
targets: [acme-one, acme-two, acme-half, acme-other, acme-careful]
recovery: {connected_ms_max: 10000, reroutes_max: 2}
"""
ONCE = """
id: once
name: One call at a time
flow: both
targets: [acme-one]
caller_concurrency_cap: 1
"""
TRUNKS = "id: carrier_a\nname: Carrier A\ntrusted: true\n"
_ROUTE = (
    """exits: {ended: bye, no_match: bye, all_closed: bye, all_capped: full, all_no_answer: bye, recovered_none: bye}"""
)
FLOWS = {
    "short": f"""
id: short
start: hello
nodes:
  hello: {{type: answer, exits: {{done: ask}}}}
  ask: {{type: collect_zip, prompt: enter_zip, retry_prompt: bad_zip, tries: 2, total_ms_max: 30000,
        exits: {{ok: sell, zip_failed: bye}}}}
  sell: {{type: route, targets: [acme-one, acme-two], {_ROUTE}}}
  full: {{type: play, prompt: all_busy, exits: {{done: bye}}}}
  bye: {{type: hangup}}
""",
    "long": f"""
id: long
start: screen
nodes:
  screen: {{type: block, kinds: [anonymous], velocity: {{calls_max: 2, window_s: 60}},
           exits: {{pass: known, blocked: no}}}}
  known: {{type: caller_history, days: 30, sticky: bought,
          exits: {{new: hello, seen: hello, bought: thanks, unknown: hello}}}}
  thanks: {{type: set_tags, tags: {{loyal: "yes"}}, exits: {{done: hello}}}}
  hello: {{type: answer, exits: {{done: greet}}}}
  greet: {{type: say, text: Welcome., prompt: welcome, exits: {{done: place}}}}
  place: {{type: subflow, flow: ask_place, exits: {{placed: record, lost: menu}}}}
  record: {{type: record, consent: always, consent_prompt: recorded, exits: {{recording: menu, not_recorded: menu}}}}
  menu: {{type: menu, prompt: choose, tries: 2,
         choices: {{1: half, 2: mail, 3: wait, 4: desk, 5: ask_them, 6: careful, 7: patient}},
         exits: {{half: half, mail: mail, wait: wait, desk: desk, ask_them: enrich, careful: careful,
                 patient: patient, no_choice: old}}}}
  half: {{type: route, targets: [acme-half, acme-other], {_ROUTE}}}
  careful: {{type: route, targets: [acme-careful, acme-two], {_ROUTE}}}
  mail: {{type: voicemail, prompt: leave_message, exits: {{recorded: bye, empty: full}}}}
  wait: {{type: queue, targets: [acme-one], callers_max: 3, wait_ms_max: 60000, music: hold,
         exits: {{ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye, recovered_none: bye,
                 full: full, waited_too_long: full}}}}
  patient: {{type: queue, targets: [acme-one], wait_ms_max: 60000,
            music: hold, positions: [you_are], position_ms: 30000,
            exits: {{ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye,
                    recovered_none: bye, full: full, waited_too_long: desk}}}}
  desk: {{type: dial, destination: "sip:desk@127.0.0.1:6001", exits: {{ended: bye, no_answer: full}}}}
  enrich: {{type: lookup, url: "https://enrich.example/v1", take: {{score: result.score}},
           exits: {{ok: by_score, timeout: old, refused: old, failed: old, bad_answer: old}}}}
  by_score: {{type: branch, cases: [{{if: "int(tags.score) >= 5", exit: good}}],
             exits: {{good: half, otherwise: full}}}}
  old: {{type: goto, flow: short}}
  no: {{type: hangup, cause: CALL_REJECTED}}
  full: {{type: play, prompt: all_busy, exits: {{done: bye}}}}
  bye: {{type: hangup}}
""",
    "ask_place": """
id: ask_place
start: ask
nodes:
  ask: {type: collect_zip, prompt: enter_zip, tries: 1, exits: {ok: got_it, zip_failed: gave_up}}
  got_it: {type: return, exit: placed}
  gave_up: {type: return, exit: lost}
""",
    "both": f"""
id: both
start: sell
nodes:
  sell: {{type: route, targets: [acme-half, acme-other, acme-one], together: 3, {_ROUTE}}}
  full: {{type: hangup, cause: USER_BUSY}}
  bye: {{type: hangup}}
""",
    "shares": """
id: shares
start: cut
nodes:
  cut: {type: split, shares: {few: 20, many: 80}, exits: {few: bye, many: busy}}
  busy: {type: hangup, cause: USER_BUSY}
  bye: {type: hangup, cause: NO_ANSWER}
""",
}
BASE: dict[str, Any] = {"time": "2026-11-23 10:00 America/Los_Angeles", "campaign": "leads", "publisher": "peak"}


def document(file: str, text: str) -> Document:
    parsed, issues = parse_yaml(file, text.encode())
    assert parsed is not None, issues
    return parsed


def catalog() -> Catalog:
    documents = CatalogDocuments(
        buyers=(document("buyers/acme.yaml", BUYERS),),
        publishers=(document("publishers/peak.yaml", PUBLISHERS),),
        campaigns=(document("campaigns/leads.yaml", CAMPAIGNS), document("campaigns/once.yaml", ONCE)),
        trunks=(document("trunks/carrier_a.yaml", TRUNKS),),
    )
    loaded, issues = load_catalog(documents, flows=list(FLOWS))
    assert loaded is not None, issues
    return loaded


def flows() -> dict[str, Flow]:
    documents = [document(f"flows/{name}.yaml", text) for name, text in FLOWS.items()]
    loaded, issues = load_flows(documents, targets=catalog().targets, prompts=None)
    assert not [issue for issue in issues if issue.severity == "error"], issues
    return loaded


def stage() -> Stage:
    number = TrackingNumber(number="+18005550100", campaign="leads", publisher="peak")
    return Stage(
        CallContext(
            catalog=catalog(),
            flows=flows(),
            numbers={number.number: number},
            places=PLACES,
            revision="r1",
            code_version="test",
            key=b"a key for tests only",
        )
    )


def names(at: Stage) -> Names:
    return Names(catalog=at.context.catalog, flows=at.context.flows, numbers=at.context.numbers)


def play(at: Stage, flow: str = "short", **given: Any) -> Rehearsed:
    """One call of a test that is given this, on top of a Monday morning in Los Angeles."""
    return play_all(at, flow, **given)[0]


def play_all(at: Stage, flow: str = "short", **given: Any) -> list[Rehearsed]:
    file = CaseFile.model_validate(
        {"given": BASE, "tests": [{"name": "one", "given": as_text(given), "expect": {"outcome": "connected"}}]}
    )
    return at.play(flow, "one", file.tests[0].given.over(file.given))


def as_text(value: Any) -> Any:
    """As a file would hold it: every scalar is text."""
    if isinstance(value, dict):
        return {name: as_text(held) for name, held in value.items()}
    return [as_text(held) for held in value] if isinstance(value, list) else str(value)


def told(call: Rehearsed) -> list[str]:
    """The path as words: node.exit, and the node alone where the call ended."""
    return [f"{visit.name}.{visit.exit}" if visit.exit else visit.name for visit in call.path]


def differing(calls: list[Rehearsed], **expect: Any) -> list[Difference]:
    case = {"name": "one", "expect": expect}
    return differences(CaseFile.model_validate({"tests": [case]}).tests[0].expect, calls)


def problems(at: Stage, text: str, file: str = "flows/short.test.yaml") -> list[str]:
    """What is wrong with a file of tests, as "line:column message"."""
    parsed, issues = parse_yaml(file, text.encode())
    if parsed is not None:
        _, issues = load_cases(parsed, names(at))
    return [f"{issue.line}:{issue.column} {issue.path}: {issue.message}" for issue in issues]
