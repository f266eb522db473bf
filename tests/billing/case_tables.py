"""Reads tables of money cases (tests/billing/cases/*.yaml) and judges them: terms as in the catalog, calls, figures.

A case without ``calls`` is one call itself. ``R`` and ``P`` are the verdicts of the buyers' and the publisher's side:
the verdict, behind it in brackets whose terms won, then what its reasons must say, parted by "; ". What is not named
is not checked, but for revenue, payout, cost and margin, which are 0 unless they are named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import yaml

from ppc_engine.billing.evidence import Evidence, Pin, Return, Settlement, Signal
from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, Target, TargetGroup, Trunk
from ppc_engine.values.money import format_micros, parse_micros
from tests.billing.traces import Try, call, connections, us

CASES = Path(__file__).parent / "cases"
EXPECTED = re.compile(r"(yes|no|pending|review)(?: \(([^)]+)\))?(?:: (.+))?")
START = "2026-05-04T10:00:00Z"


class _Texts(yaml.SafeLoader):
    """Every scalar is text, as in the catalog's files; merging of blocks works."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


def read_cases(name):
    """{name of a case: case}; blocks whose names begin with a dot are only there to be merged."""
    found = yaml.load((CASES / name).read_text(), _Texts)
    return {key: case for key, case in found.items() if not key.startswith(".")}


def terms_of(case):
    """The catalog of a case."""
    buyers = {}
    for name, offers in case.get("buyers", {}).items():
        aimed = tuple(Target(id=f"{name}-{n}", destination="+12125550100", gateway="west") for n in (1, 2, 3))
        buyers[name] = Buyer(id=name, name=name, zone="UTC", targets=aimed, offers=_offers(name, offers))
    publishers = {
        name: Publisher(id=name, name=name, zone="UTC", offers=_offers(name, offers))
        for name, offers in case.get("publishers", {}).items()
    }
    given = {"id": "roofing", "name": "roofing", "flow": "main", "targets": (), **case.get("campaign", {})}
    for side in ("revenue_offers", "payout_offers"):
        given[side] = _offers("shared", given.get(side, ()))
    campaigns = {"roofing": Campaign(**given), **{
        other: Campaign(id=other, name=other, flow="main", targets=(), group=given.get("group"))
        for other in case.get("sisters", ())
    }}  # fmt: skip
    return Catalog(
        campaigns=campaigns,
        publishers=publishers,
        buyers=buyers,
        targets={target.id: (buyer, target) for buyer in buyers.values() for target in buyer.targets},
        groups={
            name: TargetGroup(id=name, name=name, zone="UTC", targets=targets)
            for name, targets in case.get("groups", {}).items()
        },
        trunks={"west": Trunk(id="west", **case.get("trunk", {}))},
        lists={name: frozenset(entries) for name, entries in case.get("lists", {}).items()},
    )


def _offers(party, offers):
    listed = [offers] if isinstance(offers, dict) else offers
    return tuple(
        {"id": f"{party}-{n}", "campaign": "roofing", **offer} if isinstance(offer, dict) else offer
        for n, offer in enumerate(listed)
    )


def calls_of(case):
    """[(what is written of a call, CDR, evidence)] in the order of the table."""
    return [_call(given, n) for n, given in enumerate(case.get("calls", [case]))]


def _call(given, n):
    tries = given.get("tries") or ([{"buyer": "acme", "s": given["s"]}] if "s" in given else [])
    made = [Try(one.get("buyer", "acme"), one.get("s"), one.get("at"), one.get("to"), one.get("target", ""),
                end_estimated=one.get("end_estimated") == "true") for one in tries]  # fmt: skip
    known = {
        key: given[key] for key in ("publisher", "campaign", "zip_code", "state", "dialed", "kind") if key in given
    }
    cdr = call(
        given.get("call", "call"), given.get("offered", START), *made, caller=given.get("caller", f"+1310555{n:04d}"),
        test=given.get("test") == "true", **{"publisher": "peak" if "P" in given else "", **known},
    )  # fmt: skip
    attempts = []
    for one, attempt in zip(tries, cdr.attempts, strict=True):
        stamps = {"dialed": "dialed_at", "answered": "target_answered_at"}
        changes = {field: us(one[key]) for key, field in stamps.items() if key in one}
        attempts.append(replace(attempt, **changes))
    stamps = {"answered": "answered_at", "ended": "ended_at"}
    changes = {field: us(given[key]) for key, field in stamps.items() if key in given}
    changes |= {key: given[key] for key in ("attestation", "tags") if key in given}
    return given, replace(cdr, attempts=tuple(attempts), **changes), _evidence(given)


def _evidence(given):
    return Evidence(
        signals=tuple(
            Signal(
                key=one.get("key", f"{n}"), received_at=us(one["at"]), attempt_number=int(one.get("attempt", "0")),
                name=one.get("name", ""), amount_micros=parse_micros(one["amount"]) if "amount" in one else None,
                score=int(one["score"]) if "score" in one else None,
            )
            for n, one in enumerate(given.get("signals", ()))
        ),
        pins=tuple(
            Pin(
                side=one["side"], party=one["party"], kind=one["kind"], amount_micros=parse_micros(one["amount"]),
                connected_ms_min=int(one["ms_min"]), attempt_number=int(one.get("attempt", "0")),
            )
            for one in given.get("pins", ())
        ),
        settlements=tuple(
            Settlement(connected_ms=int(one["ms"]), by=one["by"], evidence=one["evidence"])
            for one in given.get("settlements", ())
        ),
        returns=tuple(
            Return(party=one["party"], amount_micros=parse_micros(one["amount"]), at=us(one["at"]))
            for one in given.get("returns", ())
        ),
    )  # fmt: skip


def judge_case(case):
    """[(what is written of a call, judgement)], each call knowing those before it."""
    terms, made = terms_of(case), calls_of(case)
    histories = defaultdict(History)
    for _, cdr, _ in made:
        if cdr.caller_key and not cdr.test:
            histories[cdr.caller_key].connections.extend(connections(cdr))
    found = {}
    for given, cdr, evidence in sorted(made, key=lambda one: (one[1].offered_at, one[1].call_id)):
        history = histories[cdr.caller_key] if cdr.caller_key else History()
        at = us(given["judged"]) if "judged" in given else 0
        judgement = judge(cdr, terms, history, evidence, at=at)
        history.conversions.extend(judgement.conversions if cdr.caller_key else ())
        found[cdr.call_id] = judgement
    return [(given, found[cdr.call_id]) for given, cdr, _ in made]


def check(given, found):
    """Hold what was found against what is written, exactly."""
    money = {name: getattr(found, f"{name}_micros") for name in ("revenue", "payout", "margin")}
    if hasattr(found, "cost_micros"):
        money["cost"] = found.cost_micros
    wanted = {name: _signed(given.get(name, "0")) for name in money}
    assert {n: format_micros(m) for n, m in money.items()} == {n: format_micros(m) for n, m in wanted.items()}
    buyers = [record for record in found.records if record.side == "buyer"]
    if "R" in given:
        wanted = given["R"] if isinstance(given["R"], dict) else {buyers[0].party: given["R"]}
        assert {record.party for record in buyers} == set(wanted)
        for record in buyers:
            _check_record(record, wanted[record.party])
    publisher = next((record for record in found.records if record.side == "publisher"), None)
    if "P" in given:
        _check_record(publisher, given["P"])
        if "P flags" in given:
            assert list(publisher.flags) == given["P flags"]
    if "parts" in given:
        assert [format_micros(part.amount_micros) for part in buyers[0].parts] == given["parts"]


def _signed(text):
    return -parse_micros(text[1:]) if text.startswith("-") else parse_micros(text)


def _check_record(record, wanted):
    verdict, by, says = EXPECTED.fullmatch(wanted).groups()
    told = "; ".join(reason.text for reason in (*record.reasons, *record.notes))
    assert record.verdict == verdict, told
    if by:
        assert (record.override or record.side) == by
    for piece in says.split("; ") if says else ():
        assert piece in told
