"""What people ordered at the console: pauses, drains, resets, hang-ups, redirects

Revision: 0002, after 0001
Made: 2026-11-22

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.Integer(), nullable=False, comment="Counts up in the order of the orders"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="Ordered, UTC us"),
        sa.Column("who", sa.Text(), nullable=False, comment="Who ordered it: user of the machine, or as named"),
        sa.Column("why", sa.Text(), nullable=False, comment="In the words of who ordered it"),
        sa.Column("verb", sa.Text(), nullable=False, comment="What was ordered"),
        sa.Column("subject", sa.Text(), nullable=False, comment="kind:name of what it is about"),
        sa.Column("args", sa.Text(), nullable=False, comment="What more was said, JSON object"),
        sa.Column("until_at", sa.BigInteger(), nullable=False, comment="Ends by itself, 0 if not, UTC us"),
        sa.Column(
            "ended_at", sa.BigInteger(), nullable=False, comment="Undone, over or done, 0 while in force, UTC us"
        ),
        sa.Column("undone_by", sa.Integer(), nullable=False, comment="id of the order that undid it, 0 for none"),
        sa.Column("result", sa.Text(), nullable=False, comment="What came of it, JSON object"),
        sa.CheckConstraint(
            "verb IN ('pause', 'resume', 'drain', 'undrain', 'cap_reset', 'hangup', 'redirect', 'reload')",
            name=op.f("ck_operator_actions_verb"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
        comment="Orders of people to the engine, kept for ever",
    )
    op.create_index(op.f("ix_operator_actions_ended_at"), "operator_actions", ["ended_at"], unique=False)
    op.create_index(op.f("ix_operator_actions_at"), "operator_actions", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_operator_actions_at"), table_name="operator_actions")
    op.drop_index(op.f("ix_operator_actions_ended_at"), table_name="operator_actions")
    op.drop_table("operator_actions")
