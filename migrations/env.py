"""Runs the migrations on a connection that ``ppc_engine.storage.migrate`` opened, all in one transaction.

A migration must not hang live calls: on PostgreSQL it waits for a lock and runs a statement only so long, and two
upgrades at once take turns by an advisory lock. SQLite takes its one write lock when the transaction begins.
"""

from alembic import context

from ppc_engine.storage.schema import metadata

LOCK_MS_MAX = 4_000
STATEMENT_MS_MAX = 5_000
ADVISORY_LOCK = 7_723_001  # Any number of our own: whoever upgrades this database holds it.

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MS_MAX}")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MS_MAX}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
