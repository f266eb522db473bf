"""The wording of every kind of event, decision and command, in three tables. A new kind gets its line here."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.calls.commands import legs_of
from ppc_engine.cli.call_words import (
    FIXED,
    LINE_CHARS_MAX,
    ZIP_DIGITS,
    Data,
    Known,
    Wording,
    caps_told,
    cause_told,
    full_told,
    given_back_told,
    keyed,
    listed,
    printable,
    seconds,
    span,
    taken_told,
)

# What happened


def _on_parked(data: Data, known: Known) -> str:
    if known.parked:
        return "the caller is back, parked"
    name = f' "{printable(data["caller_name"])}"' if data.get("caller_name") else ""
    trunk = f" on trunk {printable(data['trunk'])}" if data.get("trunk") else ""
    caller, dialed = printable(data["caller_number"]) or "no number", printable(data["dialed_number"])
    return f"offered: {caller}{name} dials {dialed}{trunk}"


def _on_completed(data: Data, known: Known) -> str:
    started_at, command = known.commands.get(data["command_id"], (0, {"k": ""}))
    took = f" after {span(started_at, known.at)}" if started_at else ""
    match command["k"]:
        case "Answer":
            return f"answered{took}"
        case "Play":
            return f"prompt {command['prompt']} ended{took}"
        case "CollectDigits":
            return f"{keyed(data.get('digits', ''))}{took}"
        case "Say":
            return f"said{took}"
        case "StartRecording":
            return f"recording began{took}"
        case "RecordMessage":
            return f"message of {seconds(data.get('recorded_ms', 0))} recorded{took}"
        case "LookUp":
            return f"music for a look-up ended{took}"
        case "Dial":
            return f"bridge to {' or '.join(known.leg(leg['leg_id']) for leg in legs_of(command))} ended{took}"
    return f"{data['app'] or 'an application'} of an unknown command ended"


def _on_leg_ended(data: Data, known: Known) -> str:
    parts = [f"leg to {known.leg(data['leg_id'])} ended: {cause_told(data)}"]
    if data.get("ringing_at"):
        parts.append(f"rang from +{span(data['created_at'], data['ringing_at'])}")
    if data.get("answered_at"):
        parts.append(f"answered at +{span(data['created_at'], data['answered_at'])}")
    if data.get("bridged_at"):
        parts.append(f"talked {span(data['bridged_at'], data['ended_at'])}")
    if data.get("disposition"):
        parts.append(data["disposition"])
    return ", ".join(parts)


def _on_ended(data: Data, _known: Known) -> str:
    by = f", {data['disposition']}" if data.get("disposition") else ""
    fallback = f", last in {data['destination']}" if data.get("destination") else ""
    return f"the caller's leg ended: {cause_told(data)}{by}{fallback}"


def _on_adopted(data: Data, known: Known) -> str:
    doing = f"talks to {known.leg(data['bridged_leg_id'])}" if data.get("bridged_leg_id") else f"runs {data['app']}"
    why = "the engine was started anew" if data.get("restarted") else "the connection came back"
    return f"found again: {why}; the call {doing}"


EVENTS: Mapping[str, Wording] = {
    "CallParked": _on_parked,
    "AppCompleted": _on_completed,
    "LegBridged": lambda data, known: f"connected to {known.leg(data['leg_id'])}",
    "LegEnded": _on_leg_ended,
    "CallHungUp": lambda data, _: f"hang-up begins: {data['cause']}",
    "CallEnded": _on_ended,
    "SlotReserved": lambda data, known: taken_told(data["lease_id"], known),
    "SlotRefused": lambda data, _: f"no slot: {full_told(data['full'])}",
    "UsageRead": lambda data, _: f"slots in use: {listed(data['used']) or 'none'}",
    "QueueJoined": lambda data, _: f"stands in queue {data['queue']}: place {data['position']} of {data['waiting']}",
    "QueueFull": lambda data, _: f"queue {data['queue']} is full: {data['waiting']} wait, at most {data['limit']} may",
    "QueueTurn": lambda data, _: f"first in queue {data['queue']} for whom something may be free",
    "TimerFired": lambda data, _: f"timer {data['name']} fired",
    "CommandFailed": lambda data, known: f"the switch refused {_command(data, known)}: {data['reason']}",
    "CallAdopted": _on_adopted,
    "LookedUp": lambda data, known: f"{_asked(data, known)}: {data['status']}{_known_as(data.get('data', {}))}",
    "OperatorHangup": lambda data, _: f"{_person(data)} orders the end of the call",
    "OperatorRedirect": lambda data, _: f"{_person(data)} orders the call to {_wanted(data)}",
    "CallVanished": lambda data, _: f"lost: {data['reason']}",
}


def _asked(data: Data, known: Known) -> str:
    started_at, command = known.commands.get(data["command_id"], (0, {}))
    took = f" after {span(started_at, known.at)}" if started_at else ""
    return f"look-up of {command.get('kind', 'something')} answered{took}"


def _known_as(data: Data) -> str:
    return f" ({printable(listed(data), LINE_CHARS_MAX)})" if data else ""


def _person(data: Data) -> str:
    return f"{printable(data['who'])} ({printable(data['why'])}; action {data['action']})"


def _wanted(data: Data) -> str:
    return f"target {data['target']}" if data.get("target") else f"node {data.get('node', '')}"


def _command(data: Data, known: Known) -> str:
    return str(known.commands.get(data["command_id"], (0, {"k": "a command"}))[1]["k"])


# What was decided


def _opened(data: Data, _known: Known) -> str:
    number = data["number"]
    owner = "nobody owns the number"
    if number:
        owner = f"campaign {number['campaign']}, publisher {number['publisher']}"
    if tested := data.get("test") or (["number"] if number and number.get("test") else []):
        owner += f"; TEST CALL by its {' and '.join(tested)}"
    caller = f"caller {data['caller_kind']}"
    if data["caller_key"]:
        caller += f", area code {data['area_code'] or 'none'} ({data['state'] or 'no state'})"
    return f"attributed: {owner}; {caller}; revision {data['revision'][:12]}, code {data['code']}"


def _node(data: Data, _known: Known) -> str:
    facts = dict(data.get("facts", {}))
    if "digits" in facts and len(facts["digits"]) > ZIP_DIGITS:
        facts["digits"] = "*" * len(facts["digits"])
    known = f" ({listed(facts)})" if facts else ""
    node = node_name(data)
    if "exit" in data:
        return f"node {node} leaves by {data['exit']}{known}"
    if "waits" in data:
        return f"node {node} waits: {data['waits'].removesuffix('Wait').lower()}{known}"
    if "calls" in data or "goes_to" in data:
        given = f" with {listed(data['args'])}" if data.get("args") else ""
        does = f"calls flow {data['calls']}" if "calls" in data else f"goes to flow {data['goes_to']}"
        return f"node {node} {does}{given}"
    return f"node {node} ends the flow with {data['hangs_up']}{known}"


def node_name(data: Data) -> str:
    """ "ask_zip", or "consent/ask" where it is not a node of the campaign's own flow."""
    return f"{data['flow']}/{data['node']}" if data.get("flow") else str(data["node"])


def _selection(data: Data, _known: Known) -> str:
    if "target" not in data:
        why = f": {data['nobody']}" if data.get("nobody") else ""
        return f"selection for attempt {data['number']}: nobody is eligible{why}"
    drawn = f", draw {data['draw']} of {data['weight_total']}" if data.get("weight_total") else ""
    order = f" by {data['order']} ({data.get('value', 0)})" if data.get("order") else ""
    how = {"redial": ", rung again", "sticky": ", the caller's own of earlier", "together": ", rung beside"}
    by = how.get(data.get("by", ""), "")
    return f"selection for attempt {data['number']}: {data['target']}{by}{order}{drawn}"


def candidate_told(candidate: Data, selection: Data) -> str:
    """One candidate of a choice, and why it was left out or not."""
    reasons = candidate.get("reasons")
    if reasons:
        verdict = "; ".join(reason_told(reason) for reason in reasons)
    else:
        verdict = "chosen" if candidate["target"] == selection.get("target") else "eligible"
    place = f"priority {candidate['priority']}, weight {candidate['weight']}"
    if "value" in candidate:
        place += f", {selection.get('order') or 'value'} {candidate['value']}"
    if "draws" in candidate:
        place += ", draws {}-{}".format(*candidate["draws"])
    return printable(f"{candidate['target']} ({place}): {verdict}", LINE_CHARS_MAX)


_REASONS = {
    "paused": "paused: the {measured}",
    "closed": "closed: {measured}, hours {limit}",
    "out_of_area": "out_of_area: {measured}, takes {limit}",
    "concurrency_cap": "concurrency_cap: {cap} has {measured} of {limit} in use",
    "already_tried": "already_tried: {measured}, {limit}",
}


def reason_told(reason: Data) -> str:
    """One reason against a candidate, with the measured value and the limit."""
    form = _REASONS.get(reason["code"], "{code}: {measured}, limit {limit}")
    return form.format_map({"cap": "the cap", **reason})


def _attempt(data: Data, _known: Known) -> str:
    talked = f", talked {seconds(data['connected_ms'])}" if data.get("connected_ms") else ""
    return f"attempt {data['number']} is over: {data['outcome']}, {cause_told(data)}{talked}"


def _recovery(data: Data, _known: Known) -> str:
    if data["try_next"]:
        return f"recovery after attempt {data['number']}: the next target is tried"
    return f"no recovery after attempt {data['number']}: {', '.join(data['against'])}"


def _dialed(data: Data) -> str:
    return f"{data['target']} of {data['buyer']}" if data["target"] else FIXED


def _refused(data: Data, _known: Known) -> str:
    paused = "; ".join(f"{subject} ({printable(why)})" for subject, why in data.get("paused", {}).items())
    return f"the offer is refused, {data['why']}: {paused or 'no more is known'}"


def _operator(data: Data, _known: Known) -> str:
    order = "hang up" if data["verb"] == "hangup" else f"redirect to {_wanted(data)}"
    refused = f": not done, {data['refused']}" if data.get("refused") else ""
    return f"order {data['action']} of {printable(data['who'])}, {order}{refused}"


DECISIONS: Mapping[str, Wording] = {
    "opened": _opened,
    "node": _node,
    "selection": _selection,
    "attempt": _attempt,
    "recovery": _recovery,
    "dialed": lambda data, _: f"attempt {data['number']} dials {_dialed(data)}",
    "call_refused": lambda data, _: f"the call is refused: {full_told(data['full'])}",
    "slot_refused": lambda data, _: f"attempt {data['number']} gets no slot: {full_told(data['full'])}",
    "route": lambda data, _: f"hunting is over: {data['exit']}",
    "hunt_limit": lambda data, _: f"no more targets: {data['attempts']} tried, limit {data['limit']}",
    "deadline": lambda data, _: f"deadline passed: {data['timer']}",
    "command_failed": lambda data, known: f"{_command(data, known)} failed: {data['reason']}",
    "misconfigured": lambda data, _: f"misconfigured: campaign {data['campaign']}, flow {data['flow'] or 'none'}",
    "flow_loops": lambda data, _: f"the flow loops at {data['node']}: {data['visits']} visits, limit {data['limit']}",
    "ignored": lambda data, _: f"changes nothing in phase {data['phase']}",
    "vanished": lambda data, _: f"its end was not seen: {data['reason']}",
    "refused": _refused,
    "redial": lambda data, _: f"{', '.join(data['targets'])} is rung again after {data['after_s']} s",
    "hunt_stopped": lambda data, _: f"attempt {data['number']} stops the hunt: {data['on']}",
    "queued": lambda data, _: f"waits in queue {data['queue']}: place {data['position']} of {data['waiting']}",
    "history_unknown": lambda data, _: f"the caller's earlier calls could not be had: {data['status']}",
    "queue_full": lambda data, _: f"queue {data['queue']} is full: {data['waiting']} wait, at most {data['limit']} may",
    "waited_too_long": lambda data, _: f"waited {seconds(data['waited_ms'])} in queue {data['queue']}: too long",
    "stray_bridge": lambda data, _: f"a bridge nobody waited for: {'it talks' if data['talks'] else 'it is ended'}",
    "operator": _operator,
    "redirected": lambda data, _: f"redirected: {listed(data)}",
    "recording": lambda data, _: f"recording: {listed(data)}",
    "outcome": lambda data, _: f"outcome: {data['outcome']}{' (end estimated)' if data.get('estimated') else ''}",
    "bug": lambda data, _: f"a bug ended this call: {data['error']}",
}


# What was done


def _collect(data: Data, _known: Known) -> str:
    limits = f"first within {seconds(data['first_digit_ms_max'])}, next within {seconds(data['next_digit_ms_max'])}"
    return f"ask with prompt {data['prompt']} for {data['digits_max']} digits, {limits}"


def _dial(data: Data, known: Known) -> str:
    comes_back = ", the caller comes back" if data.get("returns") else ""
    return f"dial {'; and '.join(_leg(leg, known) for leg in legs_of(dict(data)))}{comes_back}"


def _leg(leg: Data, known: Known) -> str:
    """One target that is rung: where, for how long, what it sees, and what it must do first."""
    told = [f"{known.leg(leg['leg_id'])}: {leg['destination']}"]
    if leg.get("gateway"):
        told[0] += f" by gateway {leg['gateway']}"
    told.append(f"rings at most {seconds(leg['ring_ms_max'])}")
    if leg.get("caller_id"):
        told.append(f"caller id {leg['caller_id']}")
    if leg.get("headers"):
        told.append(f"headers {', '.join(sorted(leg['headers']))}")
    if leg.get("whisper"):
        told.append(f"whispers {leg['whisper']}")
    if leg.get("accept_prompt"):
        told.append(f"must key {leg['accept_digit']} within {seconds(leg['accept_ms_max'])}")
    return ", ".join(told)


def _told_carrier(data: Data) -> str:
    return f", the carrier is told {data['reason']}" if data.get("reason") else ""


def _record(data: Data, _known: Known) -> str:
    silence = f", until {seconds(data['silence_ms_max'])} of silence" if data.get("silence_ms_max") else ""
    return f"record a message as {data['recording_id']}, at most {seconds(data['message_ms_max'])}{silence}"


COMMANDS: Mapping[str, Wording] = {
    "Answer": lambda _data, _: "answer the caller",
    "Play": lambda data, _: f"{'loop' if data.get('loops') else 'play'} prompt {data['prompt']}",
    "CollectDigits": _collect,
    "Dial": _dial,
    "BreakApp": lambda data, _: "stop gathering digits" if data.get("gathering") else "stop the prompt",
    "Hangup": lambda data, _: f"hang up: {data['cause']}{_told_carrier(data)}",
    "HangupLeg": lambda data, known: f"hang up the leg to {known.leg(data['leg_id'])}: {data['cause']}",
    "ReserveSlot": lambda data, _: f"reserve a slot: {caps_told(data['caps'])}",
    "ReleaseSlot": lambda data, known: given_back_told(data["lease_id"], data.get("units", {}), known),
    "ReadUsage": lambda data, _: f"read slots in use of {', '.join(data['caps'])}",
    "StartTimer": lambda data, _: f"start timer {data['name']}, {seconds(data['after_ms'])}",
    "CancelTimer": lambda data, _: f"cancel timer {data['name']}",
    "JoinQueue": lambda data, _: f"wait in queue {data['queue']}, at most {data['callers_max']} callers",
    "LeaveQueue": lambda data, _: f"leave queue {data['queue']}",
    "Say": lambda data, _: f"say {printable(data.get('text') or data.get('prompt') or 'nothing')}",
    "StartRecording": lambda data, _: f"record the call as {data['recording_id']}",
    "RecordMessage": _record,
    "LookUp": lambda data, _: f"look up {data['kind']}, at most {seconds(data['ms_max'])}",
    "TakeBack": lambda _data, _: "take the caller back from the talk",
    "Finish": lambda _data, _: "write the record",
}
