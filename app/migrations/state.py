"""Reads which migration a database is at, without importing Alembic, which would slow down the start of the API."""

from typing import Final

from sqlalchemy import Connection, column, func, select, table

HEAD: Final = "0001"
"""The newest migration of this version. A contract test compares it with the folder of the migrations."""

VERSIONS: Final = table("alembic_version", column("version_num"))
"""The table in which Alembic stores the current migration."""


def current_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at, or None when it has no schema yet."""
    if connection.scalar(select(func.to_regclass(VERSIONS.name))) is None:
        return None
    revision: str | None = connection.scalar(select(VERSIONS.c.version_num))
    return revision
