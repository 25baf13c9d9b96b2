"""Tells whether a database is at the newest migration, without Alembic, whose import costs an API its start."""

from typing import Final

from sqlalchemy import Connection, column, func, select, table

HEAD: Final = "0001"
"""The newest migration that this version knows; a contract test compares it with the migrations' folder."""

VERSIONS: Final = table("alembic_version", column("version_num"))
"""Where Alembic keeps what it has done."""


def current_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at, or None when it has no schema yet."""
    if connection.scalar(select(func.to_regclass(VERSIONS.name))) is None:
        return None
    revision: str | None = connection.scalar(select(VERSIONS.c.version_num))
    return revision
