"""Attempts of a call held against the terms of one party: what each rule comes to, and which of them are paid.

Source: semantics.md, "Several attempts": the highest of a party's rules and attempts, ties to the earlier attempt;
rules that add are added, each at most once a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ppc_engine.billing.conditions import Answer, Asked, answer
from ppc_engine.billing.evidence import Evidence, Pin
from ppc_engine.billing.history import History
from ppc_engine.billing.leaves import not_connected
from ppc_engine.billing.rating import ANY_POSTBACK, amount_micros, postback_of
from ppc_engine.billing.verdict import BillableRecord, Reason, Side
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Catalog
from ppc_engine.catalog.overrides import Sale, Won, terms_for
from ppc_engine.catalog.rates import Rate
from ppc_engine.catalog.terms import Length, Offer, Rule, Term


@dataclass(slots=True, kw_only=True)
class Case:
    """One call before the qualifier. ``buyers`` are the records of the buyers' side, once that is judged."""

    cdr: CDR
    catalog: Catalog
    history: History
    evidence: Evidence
    at: int
    published_by: int | None
    tracking_number: str
    buyers: tuple[BillableRecord, ...] = ()

    @property
    def revenue_micros(self) -> int:
        """What all buyers pay, before anything was given back."""
        return sum(record.amount_micros for record in self.buyers)


@dataclass(slots=True, kw_only=True)
class Paid:
    """A rule that one attempt meets, and what that is worth."""

    rule: Rule
    offer: Offer
    by: str
    attempt: AttemptRecord
    amount_micros: int
    converted_at: int


@dataclass(slots=True)
class Tried:
    """An attempt held against the terms; ``attempt`` is None for a call that dialled nobody."""

    attempt: AttemptRecord | None
    won: Won | None
    pin: Pin | None
    reasons: tuple[Reason, ...]
    paid: tuple[Paid, ...] = ()
    deadlines: tuple[int, ...] = ()
    is_open: bool = False

    @property
    def connected_ms(self) -> int:
        """The attempt's connected length."""
        return self.attempt.connected_ms if self.attempt else 0


def try_all(case: Case, side: Side, party: str, attempts: Sequence[AttemptRecord]) -> list[Tried]:
    """Every attempt that connected; where none did, every attempt of a buyer, or the call as a whole."""
    connected = [attempt for attempt in attempts if attempt.connected_at]
    if not connected and side == "publisher":
        return [_try(case, side, party, None)]
    longest = max(connected, key=lambda a: a.connected_ms) if len(connected) > 1 and side == "publisher" else None
    return [_try(case, side, party, a, is_longest=a is longest) for a in connected or attempts]


def choose(tried: Sequence[Tried]) -> tuple[Paid, ...]:
    """What is paid: the highest of all rules and attempts, then each rule that adds, where it is most."""
    every = [paid for one in tried for paid in one.paid]
    # max keeps the first of equals, and attempts stand in their order.
    best = max((paid for paid in every if not paid.rule.adds), key=lambda paid: paid.amount_micros, default=None)
    added: dict[str, Paid] = {}
    for paid in every:
        known = added.get(paid.rule.id)
        if paid.rule.adds and (known is None or paid.amount_micros > known.amount_micros):
            added[paid.rule.id] = paid
    return (*([best] if best else []), *added.values())


def _try(case: Case, side: Side, party: str, attempt: AttemptRecord | None, *, is_longest: bool = False) -> Tried:
    won = terms_for(case.catalog, side, _sale(case, attempt))
    pin = case.evidence.pin(side, party, attempt.number if attempt else 0)
    offer = won.offer if won else Offer(id=pin.kind, campaign="pinned", amount=0) if pin else None
    if offer is None:
        return Tried(attempt, None, None, ())
    asked = Asked(
        cdr=case.cdr, catalog=case.catalog, history=case.history, evidence=case.evidence, at=case.at, side=side,
        offer=offer, attempt=attempt, tracking_number=case.tracking_number, is_longest=is_longest, buyers=case.buyers,
    )  # fmt: skip
    by = pin.kind if pin else won.by if won else ""
    rules = (_pinned(offer, pin),) if pin else offer.every_rule
    found = [_apply(rule, asked, by, case.revenue_micros) for rule in rules]
    reasons: list[Reason] = [_not_connected(case.cdr, attempt)] if asked.connected is None else []
    for rule, (answered, _) in zip(rules, found, strict=True):
        told = answered.reasons
        reasons += told if len(rules) == 1 else (replace(reason, rule=rule.id) for reason in told)
    paid = tuple(paid for _, paid in found if paid)
    still_open = any(answered.met is None for answered, _ in found)
    deadlines = tuple(answered.deadline for answered, _ in found if answered.met is None and answered.deadline)
    if paid and not still_open:
        reasons = [reason for reason in reasons if reason.code.startswith("postback")]
    return Tried(attempt, won, pin, tuple(dict.fromkeys(reasons)), paid, deadlines, still_open)


def _sale(case: Case, attempt: AttemptRecord | None) -> Sale:
    cdr = case.cdr
    return Sale(
        campaign=cdr.campaign, offered_at=cdr.offered_at, publisher=cdr.publisher, number=case.tracking_number,
        buyer=attempt.buyer if attempt else "", target=attempt.target if attempt else "",
        published_by=case.published_by,
    )  # fmt: skip


def _not_connected(cdr: CDR, attempt: AttemptRecord | None) -> Reason:
    if attempt is None:
        return not_connected("sold_to_nobody" if cdr.outcome == "connected" else cdr.outcome)
    return not_connected(attempt.outcome, attempt.number)


def _apply(rule: Rule, asked: Asked, by: str, revenue_micros: int) -> tuple[Answer, Paid | None]:
    """What a rule comes to for an attempt. A rate by postback asks for one, whether the rule says so or not."""
    asked.needs_amount = rule.rate.postback is not None
    terms = list(_terms(rule))
    if terms:
        found = answer(terms[0] if len(terms) == 1 else Term(all=tuple(terms)), asked)
    else:
        found = Answer(True, (), asked.attempt.connected_at if asked.attempt else 0)
    if asked.connected is None:
        return Answer(False, found.reasons), None
    if found.met is not True:
        return found, None
    amount = amount_micros(rule, asked, revenue_micros)
    if isinstance(amount, Reason):
        waits = [record.deadline for record in asked.buyers if record.verdict == "pending"]
        if amount.code == "no_revenue" and waits:
            return Answer(None, (amount,), 0, min(waits)), None
        return Answer(False, (amount,)), None
    paid = Paid(
        rule=rule, offer=asked.offer, by=by, attempt=asked.connected, amount_micros=amount, converted_at=found.at
    )
    return found, paid


def _terms(rule: Rule) -> Iterator[Term]:
    if rule.when is not None:
        yield rule.when
    if rule.rate.postback is not None and postback_of(rule.when) is None:
        yield Term(postback=ANY_POSTBACK)


def _pinned(offer: Offer, pin: Pin) -> Rule:
    """The offer's first rule with the amount and the length that were promised."""
    rule = next((rule for rule in offer.every_rule if not rule.adds), offer.every_rule[0])
    length = Term(length=Length(ms_min=pin.connected_ms_min))
    others = _without_length(rule.when)
    when = Term(all=(length, others)) if others else length
    return Rule.model_construct(
        id=rule.id, adds=False, when=when, rate=Rate(fixed=pin.amount_micros), minimum=None, maximum=None
    )


def _without_length(term: Term | None) -> Term | None:
    """A condition without its lengths, None when nothing else is in it."""
    if term is None or term.length is not None:
        return None
    for name in ("all", "any"):
        inner = getattr(term, name)
        if inner is not None:
            left = tuple(one for one in map(_without_length, inner) if one)
            # An ANY that a length could have met is left to the length that was promised.
            dropped = name == "any" and len(left) < len(inner)
            if not left or dropped:
                return None
            return Term(all=left) if name == "all" else Term(any=left)
    return term
