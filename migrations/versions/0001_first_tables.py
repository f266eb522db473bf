"""Calls, numbers, revisions and billable records: the first tables

Revision: 0001, the first
Made: 2026-11-22

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billable_records",
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Caller's leg created on the switch, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Caller leg's UUID; secret"),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="1, then one more each time the call is judged otherwise"
        ),
        sa.Column("side", sa.Text(), nullable=False, comment="Whose conversion: buyer (revenue) or publisher (payout)"),
        sa.Column("party", sa.Text(), nullable=False, comment="Slug of that buyer or publisher"),
        sa.Column("offer", sa.Text(), nullable=False, comment="Offer slug, empty when there are no terms"),
        sa.Column("revision", sa.Text(), nullable=False, comment="Catalog revision of the terms"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="yes, no, pending or review"),
        sa.Column(
            "amount_micros",
            sa.BigInteger(),
            nullable=False,
            comment="Rounded to the minor unit; 0 unless the verdict is yes",
        ),
        sa.Column("attempt_number", sa.Integer(), nullable=True, comment="Attempt that is paid for, NULL for none"),
        sa.Column("converted_at", sa.BigInteger(), nullable=False, comment="Last leaf met, 0 if never, UTC us"),
        sa.Column("connected_at", sa.BigInteger(), nullable=False, comment="Bridged, 0 if never, UTC us"),
        sa.Column("is_counted", sa.SmallInteger(), nullable=False, comment="1: connected and not itself a duplicate"),
        sa.Column("caller_key", sa.Text(), nullable=False, comment="As in calls"),
        sa.Column("campaign", sa.Text(), nullable=False, comment="As in calls"),
        sa.Column("target", sa.Text(), nullable=False, comment="Target of the attempt, empty for none"),
        sa.Column("tracking_number", sa.Text(), nullable=False, comment="Dialled number"),
        sa.Column(
            "reasons", sa.Text(), nullable=False, comment="Every reason with measured value and limit, JSON array"
        ),
        sa.Column("flags", sa.Text(), nullable=False, comment="payout_without_revenue and the like, JSON array"),
        sa.CheckConstraint("side IN ('buyer', 'publisher')", name=op.f("ck_billable_records_side")),
        sa.CheckConstraint("verdict IN ('yes', 'no', 'pending', 'review')", name=op.f("ck_billable_records_verdict")),
        sa.CheckConstraint("is_counted IN (0, 1)", name=op.f("ck_billable_records_is_counted")),
        sa.PrimaryKeyConstraint("offered_at", "call_id", "version", "side", "party", name=op.f("pk_billable_records")),
        comment="Verdicts with every reason; a row never changes, a new version replaces it",
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_billable_records_caller_key_offered_at"),
        "billable_records",
        ["caller_key", "offered_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_billable_records_campaign_caller_key_offered_at"),
        "billable_records",
        ["campaign", "caller_key", "offered_at"],
        unique=False,
    )
    op.create_table(
        "calls",
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Caller's leg created on the switch, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Caller leg's UUID; secret"),
        sa.Column("call_token", sa.Text(), nullable=False, comment="Random name of the call for partners"),
        sa.Column(
            "core_uuid", sa.Text(), nullable=False, comment="Core-UUID of the switch process that carried the call"
        ),
        sa.Column("revision", sa.Text(), nullable=False, comment="Catalog revision that the call was routed under"),
        sa.Column("code_version", sa.Text(), nullable=False, comment="Engine version that routed the call"),
        sa.Column("test", sa.Boolean(), nullable=False, comment="Routed as live, never billed or counted"),
        sa.Column("dialed_number", sa.Text(), nullable=False, comment="What the public dialled"),
        sa.Column("caller_number", sa.Text(), nullable=False, comment="Caller's number as the trunk gave it"),
        sa.Column("caller_kind", sa.Text(), nullable=False, comment="valid, anonymous, invalid, toll_free or shared"),
        sa.Column(
            "caller_key",
            sa.Text(),
            nullable=False,
            comment="E.164 number that duplicates are found by, empty unless caller_kind is valid",
        ),
        sa.Column("campaign", sa.Text(), nullable=False, comment="Campaign slug, empty for an unknown number"),
        sa.Column("publisher", sa.Text(), nullable=False, comment="Publisher slug, empty for an unknown number"),
        sa.Column("trunk", sa.Text(), nullable=False, comment="Inbound trunk"),
        sa.Column("sub_ids", sa.Text(), nullable=False, comment="Publisher's own ids, JSON object"),
        sa.Column("zip_code", sa.Text(), nullable=False, comment="Five digits, empty when unknown"),
        sa.Column("zip_source", sa.Text(), nullable=False, comment="Where zip_code and state come from"),
        sa.Column("state", sa.Text(), nullable=False, comment="Two letters, empty when unknown"),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False, comment="Engine took the call over, UTC us"),
        sa.Column("answered_at", sa.BigInteger(), nullable=False, comment="Caller's leg answered, UTC us"),
        sa.Column("connected_at", sa.BigInteger(), nullable=False, comment="First bridge, UTC us"),
        sa.Column("disconnected_at", sa.BigInteger(), nullable=False, comment="End of the last bridge, UTC us"),
        sa.Column("ended_at", sa.BigInteger(), nullable=False, comment="Caller's leg ended, UTC us"),
        sa.Column("total_ms", sa.BigInteger(), nullable=False, comment="offered_at to ended_at, ms"),
        sa.Column("ivr_ms", sa.BigInteger(), nullable=False, comment="Prompts and digits, ms"),
        sa.Column("ring_ms", sa.BigInteger(), nullable=False, comment="Dialling targets, ms"),
        sa.Column("connected_ms", sa.BigInteger(), nullable=False, comment="Sum of floored bridge lengths, ms"),
        sa.Column("silent_ms", sa.BigInteger(), nullable=False, comment="Caller heard nothing at all, ms"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="connected, or why not"),
        sa.Column("hangup_cause", sa.Text(), nullable=False, comment="FreeSWITCH cause of the caller's leg"),
        sa.Column("hung_up_by", sa.Text(), nullable=False, comment="Who ended the call"),
        sa.Column("end_estimated", sa.Boolean(), nullable=False, comment="End not seen: goes to review"),
        sa.CheckConstraint(
            "hung_up_by IN ('caller', 'target', 'engine', 'switch', 'unknown')", name=op.f("ck_calls_hung_up_by")
        ),
        sa.CheckConstraint(
            "outcome IN ('connected', 'no_match', 'all_closed', 'all_capped', 'all_no_answer', "
            "'zip_failed', 'blocked', 'unknown_number', 'abandoned_in_ivr', 'abandoned_in_queue', "
            "'abandoned_ringing', 'refused_overload', 'engine_fallback', 'failed')",
            name=op.f("ck_calls_outcome"),
        ),
        sa.PrimaryKeyConstraint("offered_at", "call_id", name=op.f("pk_calls")),
        comment="One row a finished call (CDR)",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_calls_call_id"), "calls", ["call_id"], unique=False)
    op.create_index(op.f("ix_calls_call_token"), "calls", ["call_token"], unique=False)
    op.create_index(op.f("ix_calls_caller_key_offered_at"), "calls", ["caller_key", "offered_at"], unique=False)
    op.create_table(
        "qualified_calls",
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Caller's leg created on the switch, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Caller leg's UUID; secret"),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="Version of the call's billable records in force, from 1"
        ),
        sa.Column("qualified_at", sa.BigInteger(), nullable=False, comment="When this version was judged, UTC us"),
        sa.Column("caller_key", sa.Text(), nullable=False, comment="As in calls"),
        sa.Column("campaign", sa.Text(), nullable=False, comment="As in calls"),
        sa.Column("publisher", sa.Text(), nullable=False, comment="As in calls"),
        sa.Column("revenue_micros", sa.BigInteger(), nullable=False, comment="Sum over buyers"),
        sa.Column("payout_micros", sa.BigInteger(), nullable=False, comment="The publisher's"),
        sa.Column("margin_micros", sa.BigInteger(), nullable=False, comment="Revenue less payout and telecom cost"),
        sa.Column("currency", sa.Text(), nullable=False, comment="Of the campaign"),
        sa.PrimaryKeyConstraint("offered_at", "call_id", name=op.f("pk_qualified_calls")),
        comment="Calls that the qualifier has judged, each with its totals in force",
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_qualified_calls_campaign_caller_key_offered_at"),
        "qualified_calls",
        ["campaign", "caller_key", "offered_at"],
        unique=False,
    )
    op.create_table(
        "revisions",
        sa.Column("hash", sa.Text(), nullable=False, comment="Content address of the catalog and its flows"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="First seen, UTC us"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="JSON, zlib"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_revisions")),
        comment="Catalogs and flows as they were: old calls are judged under old terms",
    )
    op.create_table(
        "tracking_numbers",
        sa.Column("number", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("campaign", sa.Text(), nullable=False, comment="Campaign slug, empty when the number is free"),
        sa.Column("publisher", sa.Text(), nullable=False, comment="Publisher slug, empty when the number is free"),
        sa.Column("test", sa.Boolean(), nullable=False, comment="Every call to it is a test call"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="First imported or assigned, UTC us"),
        sa.Column(
            "assigned_at",
            sa.BigInteger(),
            nullable=False,
            comment="Given to its campaign and publisher, 0 when free, UTC us",
        ),
        sa.Column("released_at", sa.BigInteger(), nullable=False, comment="Last taken back, 0 if never, UTC us"),
        sa.CheckConstraint("(campaign = '') = (publisher = '')", name=op.f("ck_tracking_numbers_assigned_whole")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tracking_numbers")),
        comment="What the public dials",
    )
    op.create_table(
        "watermarks",
        sa.Column("engine", sa.Text(), nullable=False, comment="Name of the engine that carries calls"),
        sa.Column(
            "oldest_open_at",
            sa.BigInteger(),
            nullable=False,
            comment="offered_at of its oldest call without a CDR, 0 when there is none, UTC us",
        ),
        sa.Column("updated_at", sa.BigInteger(), nullable=False, comment="Written together with CDRs, UTC us"),
        sa.PrimaryKeyConstraint("engine", name=op.f("pk_watermarks")),
        comment="Calls offered from here on may still be joined by an earlier one: the qualifier waits",
    )
    op.create_table(
        "attempts",
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Caller's leg created on the switch, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Caller leg's UUID; secret"),
        sa.Column("number", sa.Integer(), nullable=False, comment="Counts from 1 within the call"),
        sa.Column("attempt_id", sa.Text(), nullable=False, comment="call_id:number"),
        sa.Column("target", sa.Text(), nullable=False, comment="Target slug"),
        sa.Column("buyer", sa.Text(), nullable=False, comment="Buyer slug"),
        sa.Column("leg_id", sa.Text(), nullable=False, comment="UUID of the target's leg"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="answered, or why not"),
        sa.Column("hangup_cause", sa.Text(), nullable=False, comment="FreeSWITCH cause of the target's leg"),
        sa.Column("sip_status", sa.Integer(), nullable=False, comment="SIP status of the target's leg, 0 when unknown"),
        sa.Column("hung_up_by", sa.Text(), nullable=False, comment="Who ended the attempt"),
        sa.Column("dialed_at", sa.BigInteger(), nullable=False, comment="Target's leg created, UTC us"),
        sa.Column("ringing_at", sa.BigInteger(), nullable=False, comment="Target rang, UTC us"),
        sa.Column("target_answered_at", sa.BigInteger(), nullable=False, comment="Target's 200 OK, UTC us"),
        sa.Column("connected_at", sa.BigInteger(), nullable=False, comment="Bridged, UTC us"),
        sa.Column("disconnected_at", sa.BigInteger(), nullable=False, comment="Bridge ended, UTC us"),
        sa.Column("ended_at", sa.BigInteger(), nullable=False, comment="Target's leg ended, UTC us"),
        sa.Column("ring_ms", sa.BigInteger(), nullable=False, comment="dialed_at to answer or end, ms"),
        sa.Column("connected_ms", sa.BigInteger(), nullable=False, comment="connected_at to disconnected_at, ms"),
        sa.Column("end_estimated", sa.Boolean(), nullable=False, comment="End not seen: goes to review"),
        sa.CheckConstraint(
            "hung_up_by IN ('caller', 'target', 'engine', 'switch', 'unknown')", name=op.f("ck_attempts_hung_up_by")
        ),
        sa.CheckConstraint(
            "outcome IN ('answered', 'busy', 'no_answer', 'rejected', 'unreachable', 'failed', 'cancelled')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["offered_at", "call_id"], ["calls.offered_at", "calls.call_id"], name=op.f("fk_attempts_calls")
        ),
        sa.PrimaryKeyConstraint("offered_at", "call_id", "number", name=op.f("pk_attempts")),
        comment="One row a try at one target",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_attempts_target_dialed_at"), "attempts", ["target", "dialed_at"], unique=False)
    op.create_table(
        "call_facts",
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Caller's leg created on the switch, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Caller leg's UUID; secret"),
        sa.Column(
            "facts",
            sa.LargeBinary(),
            nullable=False,
            comment="Journalled facts in order, compressed (storage/facts.py)",
        ),
        sa.Column("facts_bytes", sa.Integer(), nullable=False, comment="Size of the facts as JSON, bytes"),
        sa.ForeignKeyConstraint(
            ["offered_at", "call_id"], ["calls.offered_at", "calls.call_id"], name=op.f("fk_call_facts_calls")
        ),
        sa.PrimaryKeyConstraint("offered_at", "call_id", name=op.f("pk_call_facts")),
        comment="What explain and replay read",
    )


def downgrade() -> None:
    op.drop_table("call_facts")
    op.drop_index(op.f("ix_attempts_target_dialed_at"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("watermarks")
    op.drop_table("tracking_numbers")
    op.drop_table("revisions")
    op.drop_index(op.f("ix_qualified_calls_campaign_caller_key_offered_at"), table_name="qualified_calls")
    op.drop_table("qualified_calls")
    op.drop_index(op.f("ix_calls_caller_key_offered_at"), table_name="calls")
    op.drop_index(op.f("ix_calls_call_token"), table_name="calls")
    op.drop_index(op.f("ix_calls_call_id"), table_name="calls")
    op.drop_table("calls")
    op.drop_index(op.f("ix_billable_records_campaign_caller_key_offered_at"), table_name="billable_records")
    op.drop_index(op.f("ix_billable_records_caller_key_offered_at"), table_name="billable_records")
    op.drop_table("billable_records")
