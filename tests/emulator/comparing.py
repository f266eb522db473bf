"""Compares what the emulated switch said with what the real one said, header by header.

Everything must be equal unless it stands in a list here; the lists are the whole of what is forgiven, and why.
"""

import re
import time

from tests.emulator.recording import Cast, created_of, events_of

# The legs' threads and the network race on the real switch: these headers change one event earlier or later.
RACING = {
    "Channel-Call-UUID": {("CHANNEL_HANGUP_COMPLETE", "outbound")},  # The legs part while this one reports.
    "variable_call_uuid": {("CHANNEL_HANGUP_COMPLETE", "outbound")},
    "variable_bridge_hangup_cause": {("CHANNEL_HANGUP_COMPLETE", "outbound")},
    "variable_sip_cseq": {("CHANNEL_BRIDGE", "inbound")},  # The caller's ACK, before or after BRIDGE.
    "variable_sip_full_via": {("CHANNEL_BRIDGE", "inbound")},
    "variable_sip_full_to": {("CHANNEL_BRIDGE", "inbound")},
}

# Values that belong to one run or one machine; only their form is compared.
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NUMBER = r"\d+"
SDP = r"(?s)v=0\r\no=\S+ .*m=audio \d+ RTP/AVP 0 101( 13)?\r\na=rtpmap:0 PCMU/8000\r\n.*"
TRANSFER = rf"(ARRAY::)?({NUMBER}:{UUID}:bl_xfer:[^|]*(\|:)?)+"
VIA = r"SIP/2\.0/UDP 127\.0\.0\.1:\d+;(rport;)?branch=z9hG4bK[\w-]+"
FORMS = {
    "Core-UUID": UUID,
    "Event-Sequence": NUMBER,
    "FreeSWITCH-Hostname": r"\w+",
    "FreeSWITCH-Switchname": r"\w+",
    "FreeSWITCH-IPv4": r"[\d.]+",
    "FreeSWITCH-IPv6": r"[0-9a-f:]+",
    "Job-UUID": UUID,
    "Application-UUID": r"[0-9a-f-]{24,36}",  # Of the switch's own making when the command gave none.
    "Content-Length": NUMBER,
    "_body": r"(?s)UP 0 years, .* session\(s\) max\n.*",
    "Caller-Transfer-Source": TRANSFER,
    "variable_transfer_source": TRANSFER,
    "variable_transfer_history": TRANSFER,
    "variable_last_sched_id": NUMBER,
    "variable_session_id": NUMBER,
    "variable_sip_call_id": r"[\w.@-]+",
    "variable_sip_cseq": NUMBER,
    "variable_sip_from_tag": r"\w+",
    "variable_sip_to_tag": r"\w+",
    "variable_sip_full_from": r'"[^"]*" <sip:\+13105550123@127\.0\.0\.1(:\d+)?>;tag=\w+',
    "variable_sip_full_to": r"<sip:[^>]+>(;tag=\w+)?",
    "variable_sip_full_via": VIA,
    "variable_sip_recover_via": VIA,
    "variable_local_media_port": NUMBER,
    "variable_remote_media_port": NUMBER,
    "variable_rtp_use_ssrc": NUMBER,
    "variable_rtp_local_sdp_str": SDP,
    "variable_switch_r_sdp": SDP,
    "variable_switch_m_sdp": SDP,
    # Counted frames of media: SIPp's depend on its own pace, the emulated telephones send none.
    "variable_rtp_audio_in_skip_packet_count": NUMBER,
    **{
        f"variable_rtp_audio_{name}": NUMBER
        for name in (
            "in_raw_bytes",
            "in_packet_count",
            "in_dtmf_packet_count",
            "out_raw_bytes",
            "out_media_bytes",
            "out_packet_count",
            "out_media_packet_count",
        )
    },
    # How much of a tone was fetched ahead when it was cut off, and how much of a call was recorded.
    "variable_playback_last_offset_pos": NUMBER,
    "variable_playback_ms": NUMBER,
    "variable_playback_samples": NUMBER,
    "variable_record_file_size": NUMBER,
    "variable_record_samples": NUMBER,
    "variable_record_seconds": NUMBER,
    "variable_record_ms": NUMBER,
    # The recordings' paths were shortened afterwards, so the lengths of these events are wrong and their ends cut.
    "Record-File-Path": r"/recordi.*",
    "Record-Completion-Cause": r"success-si.*",
}

# Moments and lengths are equal within what frames of a voice channel (20 ms) and the recorder's delay make of them.
MOMENT_US_MAX = 60_000
MOMENT = re.compile(r"Event-Date-Timestamp|.*-Time|variable_\w+_uepoch|variable_sip_invite_stamp")
LENGTH = re.compile(r"variable_(u|m|)duration|variable_(?:bill|flow_bill|answer|wait|progress|progress_media)(u|m|)sec")
SECOND = re.compile(r"variable_\w+_(epoch|stamp)|Event-Date-(Local|GMT)")


def summary(cast, event):
    """What makes an event: its kind, its application with data, its cause."""
    said = [event["Event-Name"]]
    said += [cast.rename(event[name]) for name in ("Application", "Application-Data", "Hangup-Cause") if name in event]
    if event["Event-Name"] == "DTMF":
        said.append(event["DTMF-Digit"])
    if event["Event-Name"].startswith("PLAYBACK"):
        said += [event["Playback-File-Path"], event.get("Playback-Status", "")]
    return " ".join(said)


def by_leg(events):
    cast = Cast(events)
    legs = {}
    for event in events:
        legs.setdefault(cast.of(event), []).append(event)
    return cast, legs


def order_differences(recorded, emulated):
    """Where the events of a leg are not the same, in the same order."""
    (real_cast, real), (cast, mine) = by_leg(recorded), by_leg(emulated)
    found = []
    for leg in sorted(real.keys() | mine.keys()):
        theirs = [summary(real_cast, event) for event in real.get(leg, [])]
        ours = [summary(cast, event) for event in mine.get(leg, [])]
        if theirs != ours:
            at = next(
                (n for n, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]),
                min(len(theirs), len(ours)),
            )
            found.append(f"leg {leg}, event {at}: recorded {theirs[at : at + 3]}, emulated {ours[at : at + 3]}")
    return found


def pair_differences(pairs, events, cast):
    """Which of the named pairs ("B CHANNEL_HANGUP", "A CHANNEL_UNBRIDGE") do not come in this order."""
    seen = [f"{cast.of(event)} {summary(cast, event)}" for event in events]

    def first(start):
        return next((n for n, said in enumerate(seen) if said.startswith(start)), None)

    places = [(before, first(before), after, first(after)) for before, after in pairs]
    return [
        f"{before} ({one}) should come before {after} ({two})"
        for before, one, after, two in places
        if one is None or two is None or one >= two
    ]


def header_differences(recorded, emulated):
    """Every header of every event that is missing, one too many, or has another value."""
    (real_cast, real), (cast, mine) = by_leg(recorded), by_leg(emulated)
    found = []
    for leg, theirs in real.items():
        for real_event, event in zip(theirs, mine.get(leg, []), strict=False):
            where = f"leg {leg} {summary(real_cast, real_event)}"
            kind = (event["Event-Name"], event.get("Call-Direction"))
            for header in sorted(real_event.keys() | event.keys()):
                if kind in RACING.get(header, ()):
                    continue
                if header not in real_event or header not in event:
                    found.append(f"{where}: {header} is only {'recorded' if header in real_event else 'emulated'}")
                    continue
                one, two = (named.rename(_text(of[header])) for named, of in ((real_cast, real_event), (cast, event)))
                if one != two and not _alike(header, one, two):
                    found.append(f"{where}: {header} is {two[:80]!r}, recorded {one[:80]!r}")
    return found


def _text(value):
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


def _alike(header, one, two):
    """Whether two different values of a header mean the same."""
    if header in FORMS:
        return all(re.fullmatch(FORMS[header], value) for value in (one, two))
    if SECOND.fullmatch(header):
        return True  # Made of the microseconds, which are compared; clock_differences sees to that.
    if MOMENT.fullmatch(header):
        return "0" not in (one, two) and abs(int(one) - int(two)) <= MOMENT_US_MAX
    length = LENGTH.fullmatch(header)
    if length is None:
        return False
    # Of two truncated seconds one may be one more: the lengths in microseconds are compared as well.
    most = {"u": MOMENT_US_MAX, "m": MOMENT_US_MAX // 1000}.get(length[1] or length[2], 1)
    return abs(int(one) - int(two)) <= most


def clock_differences(events):
    """Where stamps contradict each other: the clocks of a leg, the events they belong to, the lengths made of them."""
    stamps = {
        "CHANNEL_CREATE": "Caller-Channel-Created-Time",
        "CHANNEL_ANSWER": "Caller-Channel-Answered-Time",
        "CHANNEL_BRIDGE": "Caller-Channel-Bridged-Time",
        "CHANNEL_PROGRESS": "Caller-Channel-Progress-Time",
    }
    found = []
    for event in events:
        name, at = event["Event-Name"], int(event["Event-Date-Timestamp"])
        if name in stamps and not 0 <= at - int(event[stamps[name]]) <= MOMENT_US_MAX:
            found.append(f"{name} at {at} has {stamps[name]} {event[stamps[name]]}")
        if name == "CHANNEL_HANGUP_COMPLETE":
            found += _final_differences(event)
    return found


def _final_differences(event):
    final = {name.removeprefix("variable_"): value for name, value in event.items()}
    clocks = {clock: int(final[f"{clock}_uepoch"]) for clock in ("start", "answer", "bridge", "progress", "end")}
    expected = {
        "uduration": clocks["end"] - clocks["start"],
        "billusec": clocks["end"] - clocks["answer"] if clocks["answer"] else 0,
        "waitusec": clocks["bridge"] - clocks["start"] if clocks["bridge"] else 0,
        **{f"{clock}_epoch": at // 1_000_000 for clock, at in clocks.items()},
    }
    found = [
        f"{name} is {final[name]}, not {wanted}" for name, wanted in expected.items() if int(final[name]) != wanted
    ]
    for clock, at in clocks.items():
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at // 1_000_000)) if at else None
        if final.get(f"{clock}_stamp") != stamp:
            found.append(f"{clock}_stamp is {final.get(f'{clock}_stamp')}, not {stamp}")
    return found


def differences(said, emulated_said, pairs=()):
    """All that differs between a recording and the emulated conversation: [] when they are the same."""
    recorded, emulated = events_of(said), events_of(emulated_said)
    found = order_differences(recorded, emulated)
    found += pair_differences(pairs, recorded, Cast(recorded)) + pair_differences(pairs, emulated, Cast(emulated))
    if not found:
        found = header_differences(recorded, emulated)
    return found + clock_differences(emulated)


def offset_s(events, event):
    """When an event was, in seconds from the first one."""
    return (int(event["Event-Date-Timestamp"]) - created_of(events)) / 1e6
