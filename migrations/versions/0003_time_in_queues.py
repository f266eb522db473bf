"""How long a caller waited in queues

Revision: 0003, after 0002
Made: 2026-11-22

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    queue_ms = sa.Column(
        "queue_ms", sa.BigInteger(), nullable=False, server_default="0", comment="Waiting in queues, ms"
    )
    op.add_column("calls", queue_ms)


def downgrade() -> None:
    op.drop_column("calls", "queue_ms")
