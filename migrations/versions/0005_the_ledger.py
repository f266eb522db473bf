"""The ledger: transfers between accounts, and which version of a call's verdicts is posted

Revision: 0005, after 0004
Made: 2026-11-22

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.

Calls that were judged before have posted_version 0: the next run of ppc qualify posts them, a batch at a time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    posted = sa.Column(
        "posted_version", sa.Integer(), nullable=False, server_default="0", comment="Version in the ledger, 0 for none"
    )
    op.add_column("qualified_calls", posted)
    op.create_index(
        "ix_qualified_calls_unposted",
        "qualified_calls",
        ["offered_at", "call_id"],
        unique=False,
        sqlite_where=sa.text("posted_version <> version"),
        postgresql_where=sa.text("posted_version <> version"),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.Text(), nullable=False, comment="Follows from the cause, so nothing is posted twice"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="Posted, UTC us"),
        sa.Column("kind", sa.Text(), nullable=False, comment="What kind of event it books"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in words"),
        sa.Column("cause", sa.Text(), nullable=False, comment="What it follows from"),
        sa.Column("corrects", sa.Text(), nullable=False, comment="id of the transfer that it changes, empty for none"),
        sa.Column("who", sa.Text(), nullable=False, comment="The person or the command that posted it"),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of all its entries"),
        sa.Column("offered_at", sa.BigInteger(), nullable=False, comment="Of its call, 0 for none, UTC us"),
        sa.Column("call_id", sa.Text(), nullable=False, comment="Its call, empty for none"),
        sa.CheckConstraint(
            "kind IN ('conversion', 'correction', 'waive', 'bill', 'payment', 'credit', 'reversal')",
            name=op.f("ck_transfers_kind"),
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_transfers_currency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
        comment="Transfers between accounts; a row never changes, a correction is another transfer",
    )
    op.create_index(op.f("ix_transfers_offered_at_call_id"), "transfers", ["offered_at", "call_id"], unique=False)
    op.create_index(op.f("ix_transfers_at"), "transfers", ["at"], unique=False)
    op.create_table(
        "entries",
        sa.Column("transfer_id", sa.Text(), nullable=False, comment="Its transfer"),
        sa.Column("account", sa.Text(), nullable=False, comment="buyer:SLUG, publisher:SLUG, cash, revenue and so on"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="As in its transfer, UTC us"),
        sa.Column("currency", sa.Text(), nullable=False, comment="As in its transfer"),
        sa.Column("micros", sa.BigInteger(), nullable=False, comment="Debit above zero, credit below"),
        sa.CheckConstraint("micros <> 0", name=op.f("ck_entries_micros")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_entries_transfers")),
        sa.PrimaryKeyConstraint("transfer_id", "account", name=op.f("pk_entries")),
        comment="What a transfer does to each account; the entries of a transfer sum to zero",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_entries_account_at"), "entries", ["account", "at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_entries_account_at"), table_name="entries")
    op.drop_table("entries")
    op.drop_index(op.f("ix_transfers_at"), table_name="transfers")
    op.drop_index(op.f("ix_transfers_offered_at_call_id"), table_name="transfers")
    op.drop_table("transfers")
    op.drop_index("ix_qualified_calls_unposted", table_name="qualified_calls")
    op.drop_column("qualified_calls", "posted_version")
