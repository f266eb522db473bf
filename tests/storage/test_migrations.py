"""Migrations and schema.py must say the same, upwards and back."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.storage.database import open_database, reading, writing
from ppc_engine.storage.migrate import downgrade, upgrade, versions
from ppc_engine.storage.schema import attempts, calls, metadata


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path}/migrated.sqlite")


def statements(engine: Engine) -> dict[str, str]:
    """Every CREATE statement that the database remembers, but for alembic's own table."""
    with reading(engine) as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
        ).all()
    return {name: _in_order(sql) for name, sql in rows}


def _in_order(sql: str) -> str:
    """A CREATE TABLE with its parts sorted: the order of constraints means nothing."""
    head, _, rest = re.sub(r"\s+", " ", sql).partition("(")
    body, _, tail = rest.rpartition(")")
    parts = sorted(part.strip() for part in re.split(r", (?=CONSTRAINT|[a-z_]+ [A-Z])", body))
    return f"{head}({' | '.join(parts)}){tail}"


def test_up_down_up_gives_the_schema(database: Engine, tmp_path: Path) -> None:
    created = open_database(f"sqlite:///{tmp_path}/created.sqlite")
    with writing(created) as connection:
        metadata.create_all(connection)

    upgrade(database)
    assert statements(database) == statements(created)
    downgrade(database, "base")
    assert statements(database) == {}
    upgrade(database)
    assert statements(database) == statements(created)


def test_comments_of_tables_and_columns_are_migrated_too() -> None:
    migration = "".join(path.read_text() for path in Path("migrations/versions").glob("*.py"))
    for table in metadata.sorted_tables:
        assert table.comment and table.comment in migration
        for column in table.columns:
            assert column.comment and column.comment in migration, f"{table.name}.{column.name}"


def test_versions_tell_a_new_database_from_one_that_is_up_to_date(database: Engine) -> None:
    current, needed = versions(database)
    assert current == "" and needed
    upgrade(database)
    assert versions(database) == (needed, needed)
    upgrade(database)
    assert versions(database) == (needed, needed)


def test_a_migration_that_fails_leaves_nothing(database: Engine) -> None:
    with writing(database) as connection:
        connection.exec_driver_sql("CREATE TABLE call_facts (x)")  # The last table of the first migration is taken.
    before = statements(database)
    with pytest.raises(Exception, match="call_facts"):
        upgrade(database)
    assert statements(database) == before
    assert versions(database)[0] == ""


def test_every_field_of_a_record_has_its_column() -> None:
    fields = {field.name for field in dataclasses.fields(CDR)}
    assert fields - {"attempts"} == {column.name for column in calls.columns}
    fields = {field.name for field in dataclasses.fields(AttemptRecord)}
    assert fields | {"offered_at", "call_id"} == {column.name for column in attempts.columns}


def test_migrated_indexes_are_the_ones_that_queries_need(database: Engine) -> None:
    upgrade(database)
    found = {
        (table, tuple(index["column_names"]))
        for table in inspect(database).get_table_names()
        for index in inspect(database).get_indexes(table)
    }
    assert ("calls", ("call_id",)) in found
    assert ("attempts", ("target", "dialed_at")) in found
    assert ("billable_records", ("campaign", "caller_key", "offered_at")) in found
