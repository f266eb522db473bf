"""The tables. Every time is a BIGINT of UTC microseconds (0: did not happen), every amount a BIGINT of micros.

Rules this file obeys: a table about calls is keyed (offered_at, call_id), so that it can be cut into partitions by
time later; an enumeration is text with a CHECK; constraints have names that follow from the table and its columns, so
that a migration can find them (architecture.md, "Qualifier's order"). SQLite tables about calls are clustered by their
key, which new calls only append to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from ppc_engine.calls.record import ATTEMPT_OUTCOMES, CALL_OUTCOMES, HUNG_UP_BY

SIDES = ("buyer", "publisher")
VERDICTS = ("yes", "no", "pending", "review")
TRANSFER_KINDS = ("conversion", "correction", "waive", "bill", "payment", "credit", "reversal")
OPERATOR_VERBS = ("pause", "resume", "drain", "undrain", "cap_reset", "hangup", "redirect", "reload")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UNPOSTED = text("posted_version <> version")  # Spelled as the index is, or planners do not see that it serves.


def _text(name: str, comment: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, comment=comment, **options)


def _micros(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=comment)


def _at(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=f"{comment}, UTC us")


def _ms(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=f"{comment}, ms")


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _call_key() -> tuple[Column[int], Column[str]]:
    return _at("offered_at", "Caller's leg created on the switch"), _text("call_id", "Caller leg's UUID; secret")


def _of_a_call() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(("offered_at", "call_id"), ("calls.offered_at", "calls.call_id"))


calls = Table(
    "calls",
    metadata,
    *_call_key(),
    _text("call_token", "Random name of the call for partners"),
    _text("core_uuid", "Core-UUID of the switch process that carried the call"),
    _text("revision", "Catalog revision that the call was routed under"),
    _text("code_version", "Engine version that routed the call"),
    Column("test", Boolean, nullable=False, comment="Routed as live, never billed or counted"),
    _text("dialed_number", "What the public dialled"),
    _text("caller_number", "Caller's number as the trunk gave it"),
    _text("caller_kind", "valid, anonymous, invalid, toll_free or shared"),
    _text("caller_key", "E.164 number that duplicates are found by, empty unless caller_kind is valid"),
    _text("campaign", "Campaign slug, empty for an unknown number"),
    _text("publisher", "Publisher slug, empty for an unknown number"),
    _text("trunk", "Inbound trunk"),
    _text("sub_ids", "Publisher's own ids, JSON object"),
    _text("zip_code", "Five digits, empty when unknown"),
    _text("zip_source", "Where zip_code and state come from"),
    _text("state", "Two letters, empty when unknown"),
    _at("claimed_at", "Engine took the call over"),
    _at("answered_at", "Caller's leg answered"),
    _at("connected_at", "First bridge"),
    _at("disconnected_at", "End of the last bridge"),
    _at("ended_at", "Caller's leg ended"),
    _ms("total_ms", "offered_at to ended_at"),
    _ms("ivr_ms", "Prompts and digits"),
    _ms("ring_ms", "Dialling targets"),
    _ms("connected_ms", "Sum of floored bridge lengths"),
    _ms("silent_ms", "Caller heard nothing at all"),
    Column("queue_ms", BigInteger, nullable=False, server_default="0", comment="Waiting in queues, ms"),
    _text("outcome", "connected, or why not"),
    _text("hangup_cause", "FreeSWITCH cause of the caller's leg"),
    _text("hung_up_by", "Who ended the call"),
    Column("end_estimated", Boolean, nullable=False, comment="End not seen: goes to review"),
    _text("attestation", "A, B or C as the trunk said, empty for none", server_default=""),
    _text("tags", "What a trusted trunk said of the call, JSON object", server_default="{}"),
    PrimaryKeyConstraint("offered_at", "call_id"),
    _one_of("outcome", CALL_OUTCOMES),
    _one_of("hung_up_by", HUNG_UP_BY),
    Index(None, "call_id"),
    Index(None, "call_token"),
    Index(None, "caller_key", "offered_at"),
    comment="One row a finished call (CDR)",
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    *_call_key(),
    Column("number", Integer, nullable=False, comment="Counts from 1 within the call"),
    _text("attempt_id", "call_id:number"),
    _text("target", "Target slug"),
    _text("buyer", "Buyer slug"),
    _text("leg_id", "UUID of the target's leg"),
    _text("outcome", "answered, or why not"),
    _text("hangup_cause", "FreeSWITCH cause of the target's leg"),
    Column("sip_status", Integer, nullable=False, comment="SIP status of the target's leg, 0 when unknown"),
    _text("hung_up_by", "Who ended the attempt"),
    _at("dialed_at", "Target's leg created"),
    _at("ringing_at", "Target rang"),
    _at("target_answered_at", "Target's 200 OK"),
    _at("connected_at", "Bridged"),
    _at("disconnected_at", "Bridge ended"),
    _at("ended_at", "Target's leg ended"),
    _ms("ring_ms", "dialed_at to answer or end"),
    _ms("connected_ms", "connected_at to disconnected_at"),
    Column("end_estimated", Boolean, nullable=False, comment="End not seen: goes to review"),
    PrimaryKeyConstraint("offered_at", "call_id", "number"),
    _of_a_call(),
    _one_of("outcome", ATTEMPT_OUTCOMES),
    _one_of("hung_up_by", HUNG_UP_BY),
    Index(None, "target", "dialed_at"),
    comment="One row a try at one target",
    sqlite_with_rowid=False,
)

call_facts = Table(
    "call_facts",
    metadata,
    *_call_key(),
    Column("facts", LargeBinary, nullable=False, comment="Journalled facts in order, compressed (storage/facts.py)"),
    Column("facts_bytes", Integer, nullable=False, comment="Size of the facts as JSON, bytes"),
    PrimaryKeyConstraint("offered_at", "call_id"),
    _of_a_call(),
    comment="What explain and replay read",
)

watermarks = Table(
    "watermarks",
    metadata,
    _text("engine", "Name of the engine that carries calls"),
    _at("oldest_open_at", "offered_at of its oldest call without a CDR, 0 when there is none"),
    _at("updated_at", "Written together with CDRs"),
    PrimaryKeyConstraint("engine"),
    comment="Calls offered from here on may still be joined by an earlier one: the qualifier waits",
)

revisions = Table(
    "revisions",
    metadata,
    _text("hash", "Content address of the catalog and its flows"),
    _at("created_at", "First seen"),
    Column("body", LargeBinary, nullable=False, comment="JSON, zlib"),
    PrimaryKeyConstraint("hash"),
    comment="Catalogs and flows as they were: old calls are judged under old terms",
)

tracking_numbers = Table(
    "tracking_numbers",
    metadata,
    _text("number", "E.164"),
    _text("campaign", "Campaign slug, empty when the number is free"),
    _text("publisher", "Publisher slug, empty when the number is free"),
    Column("test", Boolean, nullable=False, comment="Every call to it is a test call"),
    _at("created_at", "First imported or assigned"),
    _at("assigned_at", "Given to its campaign and publisher, 0 when free"),
    _at("released_at", "Last taken back, 0 if never"),
    PrimaryKeyConstraint("number"),
    CheckConstraint("(campaign = '') = (publisher = '')", name="assigned_whole"),
    comment="What the public dials",
)

qualified_calls = Table(
    "qualified_calls",
    metadata,
    *_call_key(),
    Column("version", Integer, nullable=False, comment="Version of the call's billable records in force, from 1"),
    _at("qualified_at", "When this version was judged"),
    _text("caller_key", "As in calls"),
    _text("campaign", "As in calls"),
    _text("publisher", "As in calls"),
    _micros("revenue_micros", "Sum over buyers"),
    _micros("payout_micros", "The publisher's"),
    _micros("margin_micros", "Revenue less payout and telecom cost"),
    _text("currency", "Of the campaign"),
    Column("cost_micros", BigInteger, nullable=False, server_default="0", comment="Telecom cost of all legs"),
    _text("costs", "Telecom cost leg by leg, JSON array", server_default="[]"),
    Column("posted_version", Integer, nullable=False, server_default="0", comment="Version in the ledger, 0 for none"),
    PrimaryKeyConstraint("offered_at", "call_id"),
    Index(None, "campaign", "caller_key", "offered_at"),
    Index("ix_qualified_calls_unposted", "offered_at", "call_id", sqlite_where=UNPOSTED, postgresql_where=UNPOSTED),
    comment="Calls that the qualifier has judged, each with its totals in force",
    sqlite_with_rowid=False,
)

billable_records = Table(
    "billable_records",
    metadata,
    *_call_key(),
    Column("version", Integer, nullable=False, comment="1, then one more each time the call is judged otherwise"),
    _text("side", "Whose conversion: buyer (revenue) or publisher (payout)"),
    _text("party", "Slug of that buyer or publisher"),
    _text("offer", "Offer slug, empty when there are no terms"),
    _text("revision", "Catalog revision of the terms"),
    _text("verdict", "yes, no, pending or review"),
    _micros("amount_micros", "Rounded to the minor unit; 0 unless the verdict is yes"),
    Column("attempt_number", Integer, nullable=True, comment="Attempt that is paid for, NULL for none"),
    _at("converted_at", "Last leaf met, 0 if never"),
    _at("connected_at", "Bridged, 0 if never"),
    Column("is_counted", SmallInteger, nullable=False, comment="1: connected and not itself a duplicate"),
    _text("caller_key", "As in calls"),
    _text("campaign", "As in calls"),
    _text("target", "Target of the attempt, empty for none"),
    _text("tracking_number", "Dialled number"),
    _text("reasons", "Every reason with measured value and limit, JSON array"),
    _text("flags", "payout_without_revenue and the like, JSON array"),
    _text("rule", "Rule of the offer that is paid, empty for the only one", server_default=""),
    Column("offer_version", Integer, nullable=False, server_default="1", comment="Version of the terms"),
    _text("override", "What the terms were made for, empty for the party's own", server_default=""),
    Column("deadline", BigInteger, nullable=False, server_default="0", comment="An open leaf is decided, UTC us"),
    Column("returned_micros", BigInteger, nullable=False, server_default="0", comment="Of the amount, given back"),
    Column("approved_at", BigInteger, nullable=False, server_default="0", comment="End of the payout hold, UTC us"),
    _text("parts", "Postings of several rules, JSON array", server_default="[]"),
    _text("notes", "Facts that did not decide, JSON array", server_default="[]"),
    PrimaryKeyConstraint("offered_at", "call_id", "version", "side", "party"),
    _one_of("side", SIDES),
    _one_of("verdict", VERDICTS),
    CheckConstraint("is_counted IN (0, 1)", name="is_counted"),
    Index(None, "campaign", "caller_key", "offered_at"),
    Index(None, "caller_key", "offered_at"),
    comment="Verdicts with every reason; a row never changes, a new version replaces it",
    sqlite_with_rowid=False,
)

operator_actions = Table(
    "operator_actions",
    metadata,
    Column("id", Integer, nullable=False, comment="Counts up in the order of the orders"),
    _at("at", "Ordered"),
    _text("who", "Who ordered it: user of the machine, or as named"),
    _text("why", "In the words of who ordered it"),
    _text("verb", "What was ordered"),
    _text("subject", "kind:name of what it is about"),
    _text("args", "What more was said, JSON object"),
    _at("until_at", "Ends by itself, 0 if not"),
    _at("ended_at", "Undone, over or done, 0 while in force"),
    Column("undone_by", Integer, nullable=False, comment="id of the order that undid it, 0 for none"),
    _text("result", "What came of it, JSON object"),
    PrimaryKeyConstraint("id"),
    _one_of("verb", OPERATOR_VERBS),
    Index(None, "ended_at"),
    Index(None, "at"),
    comment="Orders of people to the engine, kept for ever",
)

transfers = Table(
    "transfers",
    metadata,
    _text("id", "Follows from the cause, so nothing is posted twice"),
    _at("at", "Posted"),
    _text("kind", "What kind of event it books"),
    _text("reason", "Why, in words"),
    _text("cause", "What it follows from"),
    _text("corrects", "id of the transfer that it changes, empty for none"),
    _text("who", "The person or the command that posted it"),
    _text("currency", "ISO 4217 code of all its entries"),
    _at("offered_at", "Of its call, 0 for none"),
    _text("call_id", "Its call, empty for none"),
    PrimaryKeyConstraint("id"),
    _one_of("kind", TRANSFER_KINDS),
    CheckConstraint("length(currency) = 3", name="currency"),
    Index(None, "offered_at", "call_id"),
    Index(None, "at"),
    comment="Transfers between accounts; a row never changes, a correction is another transfer",
)

entries = Table(
    "entries",
    metadata,
    _text("transfer_id", "Its transfer"),
    _text("account", "buyer:SLUG, publisher:SLUG, cash, revenue and so on"),
    _at("at", "As in its transfer"),
    _text("currency", "As in its transfer"),
    _micros("micros", "Debit above zero, credit below"),
    PrimaryKeyConstraint("transfer_id", "account"),
    ForeignKeyConstraint(("transfer_id",), ("transfers.id",)),
    CheckConstraint("micros <> 0", name="micros"),
    Index(None, "account", "at"),
    comment="What a transfer does to each account; the entries of a transfer sum to zero",
    sqlite_with_rowid=False,
)
