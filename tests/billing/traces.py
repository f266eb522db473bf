"""Calls, terms and verdicts as the money cases write them, so that a test reads like a page of a contract."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from sqlalchemy import select

from ppc_engine.billing.history import History, Occasion
from ppc_engine.billing.qualification import judge, tracking_number
from ppc_engine.billing.verdict import BillableRecord, Part, Reason
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Offer, Publisher, Target, UniqueCaller
from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import billable_records, qualified_calls
from ppc_engine.values.money import format_micros, parse_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CALLER = "+13105550123"
RECORD_FIELDS = [field.name for field in fields(BillableRecord)]
ANSWER_US = 10_000_000  # From the offer to the connection, where a case does not say.


def us(text):
    """An ISO time as UTC microseconds, exact."""
    span = datetime.fromisoformat(text) - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def ms(seconds):
    """ "87.420" -> 87420: lengths are written as the cases write them, and never pass through a float."""
    return parse_micros(seconds) // 1000


def unique(event="converted", scope="campaign", days=30, no_number="duplicate"):
    return UniqueCaller(event=event, scope=scope, window_days=days, no_number=no_number)


def offer(party, amount, seconds="0", rule=None, area=None, campaign="roofing"):
    return Offer(
        id=f"{party}-{campaign}",
        campaign=campaign,
        amount=amount,
        connected_ms_min=ms(seconds),
        unique_caller=rule,
        area=area,
    )


def buyer(name, *offers, targets=("1", "2", "3")):
    aimed = tuple(Target(id=f"{name}-{n}", destination="+12125550100", gateway="west") for n in targets)
    return Buyer(id=name, name=name.title(), zone="America/New_York", targets=aimed, offers=offers)


def publisher(name, *offers):
    return Publisher(id=name, name=name.title(), zone="UTC", offers=offers)


def catalog(*parties, currency="USD"):
    buyers = {p.id: p for p in parties if isinstance(p, Buyer)}
    campaigns = {
        name: Campaign(id=name, name=name, currency=currency, flow="main", targets=())
        for name in ("roofing", "plumbing")
    }
    return Catalog(
        campaigns=campaigns,
        publishers={p.id: p for p in parties if isinstance(p, Publisher)},
        buyers=buyers,
        targets={target.id: (owner, target) for owner in buyers.values() for target in owner.targets},
    )


ACME = buyer("acme", offer("acme", "40.00", "90", unique()))
ZENITH = buyer("zenith", offer("zenith", "45.00", "90", unique()))
PEAK = publisher("peak", offer("peak", "25.00", "60", unique()))


@dataclass(frozen=True)
class Try:
    """One attempt: connected for ``seconds`` (from ``at``, or ten seconds after what went before), or not at all."""

    buyer: str
    seconds: str | None = None
    at: str | None = None
    to: str | None = None
    target: str = ""
    outcome: str = "busy"
    end_estimated: bool = False


def attempt_of(call_id, number, one, clock):
    connected = one.seconds is not None or one.to is not None
    start = us(one.at) if one.at else clock + ANSWER_US
    end = us(one.to) if one.to else start + parse_micros(one.seconds or "0")
    return AttemptRecord(
        attempt_id=f"{call_id}:{number}",
        number=number,
        target=one.target or f"{one.buyer}-1",
        buyer=one.buyer,
        leg_id=f"leg-{call_id}-{number}",
        outcome="answered" if connected else one.outcome,
        hangup_cause="NORMAL_CLEARING" if connected else "USER_BUSY",
        sip_status=200 if connected else 486,
        hung_up_by="target",
        dialed_at=clock,
        ringing_at=0,
        target_answered_at=start if connected else 0,
        connected_at=start if connected else 0,
        disconnected_at=end if connected else 0,
        ended_at=end,
        ring_ms=(start - clock) // 1000,
        connected_ms=(end - start) // 1000 if connected else 0,
        end_estimated=one.end_estimated,
    )


def call(
    call_id, offered, *tries, caller=CALLER, kind="valid", publisher="peak", campaign="roofing", test=False,
    dialed="+18005550100", zip_code="", state="", outcome="no_match", end_estimated=False, revision="r1",
):  # fmt: skip
    """One CDR. ``offered`` is an ISO time or microseconds."""
    offered_at = clock = us(offered) if isinstance(offered, str) else offered
    attempts = []
    for number, one in enumerate(tries, 1):
        attempts.append(attempt_of(call_id, number, one, clock))
        clock = attempts[-1].ended_at
    connected = [attempt for attempt in attempts if attempt.connected_at]
    return CDR(
        call_id=call_id,
        call_token=f"token-{call_id}",
        core_uuid="core",
        revision=revision,
        code_version="test",
        test=test,
        dialed_number=dialed,
        caller_number=caller,
        caller_kind=kind,
        caller_key=caller if kind == "valid" else "",
        campaign=campaign,
        publisher=publisher,
        trunk="west",
        sub_ids={},
        zip_code=zip_code,
        zip_source="ivr" if zip_code else "area_code" if state else "",
        state=state,
        offered_at=offered_at,
        claimed_at=offered_at,
        answered_at=offered_at,
        connected_at=min((a.connected_at for a in connected), default=0),
        disconnected_at=max((a.disconnected_at for a in connected), default=0),
        ended_at=clock,
        total_ms=(clock - offered_at) // 1000,
        ivr_ms=0,
        ring_ms=0,
        connected_ms=sum(attempt.connected_ms for attempt in attempts),
        silent_ms=0,
        outcome="connected" if connected else outcome,
        hangup_cause="NORMAL_CLEARING",
        hung_up_by="target",
        end_estimated=end_estimated,
        attempts=tuple(attempts),
    )


def judge_all(terms, calls):
    """Every call judged in order under one catalog, each knowing what came before: {call_id: judgement}."""
    histories = defaultdict(History)
    for cdr in calls:
        if cdr.caller_key and not cdr.test:
            histories[cdr.caller_key].connections.extend(connections(cdr))
    judged = {}
    for cdr in sorted(calls, key=lambda cdr: (cdr.offered_at, cdr.call_id)):
        judgement = judge(cdr, terms, histories[cdr.caller_key] if cdr.caller_key else History())
        if cdr.caller_key:
            histories[cdr.caller_key].conversions.extend(judgement.conversions)
        judged[cdr.call_id] = judgement
    return judged


def connections(cdr):
    for attempt in cdr.attempts:
        if attempt.connected_at:
            yield Occasion(
                offered_at=cdr.offered_at,
                call_id=cdr.call_id,
                ended_at=cdr.ended_at,
                at=attempt.connected_at,
                campaign=cdr.campaign,
                publisher=cdr.publisher,
                tracking_number=tracking_number(cdr.dialed_number),
                buyer=attempt.buyer,
                target=attempt.target,
            )


@dataclass(frozen=True)
class Stored:
    """What the tables say of one call."""

    version: int
    revenue_micros: int
    payout_micros: int
    margin_micros: int
    currency: str
    records: tuple[BillableRecord, ...]


def stored(engine):
    """{call_id: what is in force}, read without the code under test but for the parsing of one record."""
    with reading(engine) as connection:
        rows = connection.execute(select(qualified_calls)).all()
        records = defaultdict(list)
        for row in connection.execute(select(billable_records).order_by("side", "party")).mappings():
            plain = {name: row[name] for name in RECORD_FIELDS}
            plain["is_counted"] = bool(plain["is_counted"])
            plain["reasons"] = tuple(Reason(**reason) for reason in json.loads(row["reasons"]))
            plain["flags"] = tuple(json.loads(row["flags"]))
            plain["parts"] = tuple(Part(**part) for part in json.loads(row["parts"]))
            plain["notes"] = tuple(Reason(**note) for note in json.loads(row["notes"]))
            records[row["call_id"], row["version"]].append(BillableRecord(**plain))
    return {
        row.call_id: Stored(
            row.version,
            row.revenue_micros,
            row.payout_micros,
            row.margin_micros,
            row.currency,
            tuple(records[row.call_id, row.version]),
        )
        for row in rows
    }


def side(judgement, side, party=None):
    """The one record of a side (of a party)."""
    (record,) = (r for r in judgement.records if r.side == side and party in (None, r.party))
    return record


def told(record):
    """A record as the money cases write it: "yes", "no: reason; reason", "review: reason"."""
    reasons = "; ".join(reason.text for reason in record.reasons)
    return f"{record.verdict}: {reasons}" if reasons else record.verdict


def money(judgement):
    """(revenue, payout, margin) in plain decimals."""
    return tuple(map(format_micros, (judgement.revenue_micros, judgement.payout_micros, judgement.margin_micros)))
