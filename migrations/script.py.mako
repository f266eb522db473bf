"""${message}

Revision: ${up_revision}, after ${down_revision | comma,n}
Made: ${create_date}

WARNING. This runs while calls are live and an engine of the version before still writes.
- Keep locks short: env.py gives a statement 5 s and a lock 4 s, then the whole migration is undone.
- Add columns with a server default, or nullable; drop and rename only what no running version reads.
- Build large indexes on PostgreSQL concurrently, outside this transaction.
- Write out literals; import nothing from ppc_engine, whose words change later while this file must not.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
