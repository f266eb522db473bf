"""Brings a database to the version of this code, by the scripts of migrations/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from ppc_engine.storage.database import reading, writing
from ppc_engine.values.errors import OutsideError

if TYPE_CHECKING:
    from alembic.config import Config

# In a checkout beside the package; in an installation where pyproject.toml puts it.
_PLACES = (Path(__file__).parents[2] / "migrations", Path(sys.prefix) / "share" / "ppc-engine" / "migrations")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every migration that is missing, all or none. Raises OutsideError when the database cannot do it now."""
    from alembic import command  # Imported on use: it takes longer than most commands.

    with writing(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take migrations back down to a revision ("base": all of them), and what they hold with them."""
    from alembic import command

    with writing(engine) as connection:
        command.downgrade(_config(connection), revision)


def versions(engine: Engine) -> tuple[str, str]:
    """The version that the database has ("" when it has no tables) and the one that this code needs."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current or "", ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _config(connection: object) -> Config:
    from alembic.config import Config

    directory = next((place for place in _PLACES if (place / "env.py").is_file()), None)
    if directory is None:
        raise OutsideError(f"migrations: not found in {' or '.join(str(place) for place in _PLACES)}")
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
