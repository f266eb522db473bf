"""Which terms won, telecom cost, and what terms ask of a call

Revision: 0004, after 0003
Made: 2026-11-22

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = (
    ("calls", "attestation", sa.Text(), "", "A, B or C as the trunk said, empty for none"),
    ("calls", "tags", sa.Text(), "{}", "What a trusted trunk said of the call, JSON object"),
    ("qualified_calls", "cost_micros", sa.BigInteger(), "0", "Telecom cost of all legs"),
    ("qualified_calls", "costs", sa.Text(), "[]", "Telecom cost leg by leg, JSON array"),
    ("billable_records", "rule", sa.Text(), "", "Rule of the offer that is paid, empty for the only one"),
    ("billable_records", "offer_version", sa.Integer(), "1", "Version of the terms"),
    ("billable_records", "override", sa.Text(), "", "What the terms were made for, empty for the party's own"),
    ("billable_records", "deadline", sa.BigInteger(), "0", "An open leaf is decided, UTC us"),
    ("billable_records", "returned_micros", sa.BigInteger(), "0", "Of the amount, given back"),
    ("billable_records", "approved_at", sa.BigInteger(), "0", "End of the payout hold, UTC us"),
    ("billable_records", "parts", sa.Text(), "[]", "Postings of several rules, JSON array"),
    ("billable_records", "notes", sa.Text(), "[]", "Facts that did not decide, JSON array"),
)


def upgrade() -> None:
    for table, name, kind, default, comment in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default, comment=comment))


def downgrade() -> None:
    for table, name, *_ in reversed(COLUMNS):
        op.drop_column(table, name)
