"""Tells whether a database is at the newest migration."""

from functools import lru_cache
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

LOCATION = Path(__file__).parent


@lru_cache
def head_revision() -> str | None:
    """Return the newest migration that this version knows."""
    config = Config()
    config.set_main_option("script_location", str(LOCATION))
    return ScriptDirectory.from_config(config).get_current_head()


def current_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at, or None when it has no schema yet."""
    return MigrationContext.configure(connection).get_current_revision()
