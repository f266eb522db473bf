"""The network that the live calls run in: targets, campaigns, flows and numbers, made for the cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trunk_sipp import Targets

PUBLISHER = "live-publisher"
BUYER = "live-buyer"
NUMBER = "+1800555{:04d}"
RECORDINGS = "recordings"  # Below the directory of a world.
SLOTS = 2  # Cap of the target "capped".

FIRST, LAST = 1, 9  # Priorities: what fails is asked first, what answers last.
TARGETS: dict[str, dict[str, Any]] = {
    "busy": {"priority": FIRST},
    "unavailable": {"priority": FIRST},
    "moved": {"priority": FIRST},
    "rings": {"priority": FIRST, "ring_ms_max": 3_000},
    "nobody": {"priority": FIRST, "progress_ms_max": 3_000},
    "silent": {"priority": FIRST, "progress_ms_max": 3_000, "ring_ms_max": 6_000},
    "leaves-early": {"priority": FIRST},
    "leaves-later": {"priority": FIRST},
    "slow": {"priority": FIRST, "ring_ms_max": 40_000},
    "slower": {"priority": FIRST, "ring_ms_max": 60_000},
    "capped": {"priority": FIRST, "concurrency_cap": SLOTS},
    "stays": {"priority": LAST},
    "leaves": {"priority": LAST},
    "beverly-hills": {"priority": LAST, "area": {"zips": ["90210"]}},
    "new-york": {"priority": LAST, "area": {"states": ["NY"]}},
    "together-1": {"priority": FIRST},
    "together-2": {"priority": FIRST},
    "together-busy": {"priority": FIRST},
    "presses": {"priority": LAST, "whisper": "whisper_roofing", "accept": {"prompt": "press_one", "ms_max": 12_000}},
    "never-presses": {"priority": FIRST, "accept": {"prompt": "press_one", "ms_max": 4_000}},
    "presses-late": {"priority": FIRST, "accept": {"prompt": "press_one", "ms_max": 45_000}},
    "sales-desk": {"priority": FIRST},
    "service-desk": {"priority": FIRST},
    "queued": {"priority": FIRST, "concurrency_cap": 1},
    "queued-short": {"priority": FIRST, "concurrency_cap": 1},
    "one-a-day": {"priority": FIRST, "caps": [{"calls": 1, "per": "day", "counted": "conversion"}]},
    "told-little": {"priority": FIRST, "caller_id": {"show": "tracking_number"}, "headers": {"X-Token": "token"}},
    "busy-twice": {"priority": FIRST, "redial": {"busy": 1, "after_s": 3}},
    "test-desk": {"priority": FIRST, "concurrency_cap": 1},
}

# Campaign -> flow and targets. "direct" rings at once; "greeted" answers first; "asked" answers and asks for the ZIP.
CAMPAIGNS: dict[str, tuple[str, list[str]]] = {
    "answered": ("direct", ["stays"]),
    "target-leaves": ("direct", ["leaves"]),
    "busy-then-next": ("direct", ["busy", "stays"]),
    "no-answer-then-next": ("greeted", ["rings", "stays"]),
    "unreachable-then-next": ("direct", ["nobody", "stays"]),
    "silent-then-next": ("direct", ["silent", "stays"]),
    "unavailable-then-next": ("direct", ["unavailable", "stays"]),
    "moved-then-next": ("direct", ["moved", "stays"]),
    "recovered": ("greeted", ["leaves-early", "stays"]),
    "recovered-late": ("greeted", ["leaves-later", "stays"]),
    "ringing": ("direct", ["slow"]),
    "ringing-greeted": ("greeted", ["slow"]),
    "ringing-long": ("direct", ["slower"]),
    "ringing-long-greeted": ("greeted", ["slower"]),
    "by-zip": ("asked", ["beverly-hills", "new-york"]),
    "capped": ("direct", ["capped"]),
    "together": ("ring-all", ["together-1", "together-2", "together-busy"]),
    "together-slow": ("ring-all", ["slow", "slower"]),
    "press-one": ("greeted", ["never-presses", "presses"]),
    "press-late": ("greeted", ["presses-late"]),
    "menu": ("chosen", ["sales-desk", "service-desk"]),
    "queue": ("held", ["queued"]),
    "queue-short": ("held-short", ["queued-short"]),
    "pending": ("direct", ["one-a-day", "stays"]),
    "told-little": ("direct", ["told-little"]),
    "redialled": ("greeted", ["busy-twice", "stays"]),
    "tested": ("direct", ["test-desk"]),
    "asked-about": ("asked-about", ["stays"]),
}
NUMBERS = {campaign: NUMBER.format(100 + index) for index, campaign in enumerate(CAMPAIGNS)}
RECOVERING = ("recovered", "recovered-late")
TEST_CALLER = "+13105559901"  # An engineer, to the campaign "tested".
UNKNOWN_NUMBER = NUMBER.format(999)

_EXITS = {
    "ended": "bye", "no_match": "sorry", "all_closed": "sorry", "all_capped": "busy", "all_no_answer": "sorry",
    "recovered_none": "bye",
}  # fmt: skip
_SELL = {"type": "route", "exits": _EXITS}
_ANSWER = {"type": "answer", "exits": {"done": "sell"}}
_SAID = {"type": "play", "prompt": "sorry_no_match", "exits": {"done": "bye"}}
_BYE = {"type": "hangup", "cause": "NORMAL_CLEARING"}
_ENDS = {"sorry": _SAID, "busy": {"type": "play", "prompt": "all_busy", "exits": {"done": "bye"}}, "bye": _BYE}
_ZIP = {
    "type": "collect_zip", "prompt": "enter_zip", "retry_prompt": "bad_zip", "tries": 3, "first_digit_ms_max": 4_000,
    "next_digit_ms_max": 2_000, "total_ms_max": 40_000, "exits": {"ok": "sell", "zip_failed": "sorry"},
}  # fmt: skip
_HELD = {
    "type": "queue", "music": "hold_music", "positions": ["you_are_next", "hold_please"], "position_ms": 10_000,
    "callers_max": 5, "wait_ms_max": 60_000, "exits": {**_EXITS, "full": "busy", "waited_too_long": "busy"},
}  # fmt: skip
_MENU = {
    "type": "menu", "prompt": "menu_home", "choices": {"1": "sales", "2": "service"},
    "exits": {"sales": "sell", "service": "serve", "no_choice": "sorry"},
}  # fmt: skip
FLOWS: dict[str, dict[str, Any]] = {
    "direct": {
        "start": "sell",
        "nodes": {
            "sell": _SELL,
            "sorry": {"type": "hangup", "cause": "NO_ANSWER"},
            "busy": {"type": "hangup", "cause": "USER_BUSY"},
            "bye": _BYE,
        },
    },
    "greeted": {
        "start": "answer",
        "nodes": {"answer": {"type": "answer", "exits": {"done": "sell"}}, "sell": _SELL, **_ENDS},
    },
    "asked": {
        "start": "answer",
        "nodes": {
            "answer": {"type": "answer", "exits": {"done": "welcome"}},
            "welcome": {"type": "play", "prompt": "welcome", "exits": {"done": "ask"}},
            "ask": _ZIP,
            "sell": _SELL,
            **_ENDS,
        },
    },
    "ring-all": {
        "start": "answer",
        "nodes": {"answer": _ANSWER, "sell": {**_SELL, "together": 3}, **_ENDS},
    },
    "chosen": {
        "start": "answer",
        "nodes": {
            "answer": {"type": "answer", "exits": {"done": "choose"}},
            "choose": _MENU,
            "sell": {**_SELL, "targets": ["sales-desk"], "exits": dict(_EXITS)},
            "serve": {**_SELL, "targets": ["service-desk"], "exits": dict(_EXITS)},
            **_ENDS,
        },
    },
    "held": {"start": "answer", "nodes": {"answer": _ANSWER, "sell": _HELD, **_ENDS}},
    "held-short": {
        "start": "answer",
        "nodes": {"answer": _ANSWER, "sell": {**_HELD, "wait_ms_max": 5_000}, **_ENDS},
    },
}


def _asked_about(port: int) -> dict[str, Any]:
    """A stranger is enriched and sold, a known caller leaves a message, who calls too often is turned away."""
    answers = dict.fromkeys(("timeout", "refused", "failed", "bad_answer"), "bye")
    return {
        "start": "screen",
        "nodes": {
            "screen": {
                "type": "block", "velocity": {"calls_max": 2, "window_s": 600},
                "exits": {"pass": "answer", "blocked": "refuse"},
            },
            "refuse": {"type": "hangup", "cause": "CALL_REJECTED"},
            "answer": {"type": "answer", "exits": {"done": "known"}},
            "known": {
                "type": "caller_history",
                "exits": {"new": "record", "seen": "message", "bought": "message", "unknown": "bye"},
            },
            "record": {
                "type": "record", "consent": "always", "consent_prompt": "call_recorded",
                "exits": {"recording": "enrich", "not_recorded": "bye"},
            },
            "enrich": {
                "type": "lookup", "url": f"http://127.0.0.1:{port}/v1", "send": {"phone": "caller.number"},
                "take": {"score": "score", "zip_code": "zip"}, "ms_max": 5_000, "music": "hold_music",
                "exits": {"ok": "by_score", **answers},
            },
            "by_score": {
                "type": "branch", "cases": [{"if": "int(tags.score) > 50 && place.state == 'CA'", "exit": "good"}],
                "exits": {"good": "thank", "otherwise": "bye"},
            },
            "thank": {"type": "subflow", "flow": "thank", "args": {"how": "warmly"}, "exits": {"thanked": "sell"}},
            "message": {
                "type": "voicemail", "prompt": "leave_message", "message_ms_max": 6_000, "silence_ms_max": 2_000,
                "exits": {"recorded": "closed", "empty": "closed"},
            },
            "closed": {"type": "hangup", "outcome": "all_closed"},
            "sell": _SELL,
            **_ENDS,
        },
    }  # fmt: skip


_THANK = {
    "start": "how",
    "nodes": {
        "how": {
            "type": "branch", "cases": [{"if": "args.how == 'warmly'", "exit": "warmly"}],
            "exits": {"warmly": "say", "otherwise": "back"},
        },
        "say": {"type": "say", "text": "Thank you. Please hold.", "prompt": "thanks", "exits": {"done": "back"}},
        "back": {"type": "return", "exit": "thanked"},
    },
}  # fmt: skip


def network_files(targets: Targets, recordings: Path, enrichment_port: int) -> dict[str, Any]:
    """Every file of the configuration, by path; the targets' addresses are those of the running SIPps."""
    made = [{"id": name, "destination": targets.address(name), **more} for name, more in TARGETS.items()]
    # YAML numbers in the strict loader are text: ZIPs are quoted by the dumper because they are strings here.
    offers = [{"campaign": name, "amount": "10.00", "connected_ms_min": 3_000} for name in CAMPAIGNS]
    files: dict[str, Any] = {
        "engine.yaml": {
            "log_level": "debug",
            "recordings_dir": str(recordings),
            "lookup_hosts": [{"host": f"127.0.0.1:{enrichment_port}", "insecure_http": True, "private_network": True}],
        },
        f"catalog/buyers/{BUYER}.yaml": {
            "id": BUYER,
            "name": "Live Buyer",
            "zone": "America/New_York",
            "targets": made,
            "offers": [{"id": f"{offer['campaign']}-revenue", **offer} for offer in offers],
        },
        f"catalog/publishers/{PUBLISHER}.yaml": {
            "id": PUBLISHER,
            "name": "Live Publisher",
            "zone": "America/New_York",
            "concurrency_cap": 500,
            "offers": [{"id": f"{offer['campaign']}-payout", **offer, "amount": "5.00"} for offer in offers],
        },
    }
    for name, (flow, of) in CAMPAIGNS.items():
        campaign = {"id": name, "name": name, "flow": flow, "targets": of, "concurrency_cap": 200}
        if name in RECOVERING:
            campaign["recovery"] = {"connected_ms_max": 10_000, "reroutes_max": 2}
        if name == "tested":
            campaign["test_callers"] = [TEST_CALLER]
        files[f"catalog/campaigns/{name}.yaml"] = campaign
    for name, flow in {**FLOWS, "asked-about": _asked_about(enrichment_port), "thank": _THANK}.items():
        files[f"flows/{name}.yaml"] = {"id": name, **flow}
    return files


def network_numbers() -> list[tuple[str, str, str]]:
    """(number, campaign, publisher) of every tracking number."""
    return [(number, campaign, PUBLISHER) for campaign, number in NUMBERS.items()]
