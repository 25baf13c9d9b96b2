"""Finds out whether a profile fits a foreign database, before anything is installed there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.sources.foreign import Connection
from app.sources.installation import SCHEMA
from app.sources.profile import Profile, ProfileTable

READ_TABLE: Final = """
SELECT pg_class.oid::bigint, pg_class.relkind::text,
       has_table_privilege(pg_class.oid, 'SELECT'), has_table_privilege(pg_class.oid, 'TRIGGER')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE nspname = %s AND relname = %s
"""
READ_COLUMNS: Final = """
SELECT attname::text, format_type(atttypid, NULL), attnotnull
FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
"""
# A unique index over this one column, without a condition. `indkey` has one more entry for each included column.
READ_UNIQUE: Final = """
SELECT attname::text
FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indrelid = %s AND indisunique AND indnkeyatts = 1 AND indpred IS NULL AND indisvalid
"""
MAY_CREATE: Final = "SELECT has_database_privilege(current_database(), 'CREATE')"
READ_SCHEMA: Final = "SELECT count(*) FROM pg_namespace WHERE nspname = %s"
KINDS: Final = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}
TABLES: Final = ("r", "p")


@dataclass(frozen=True, slots=True)
class Misfits:
    """What does not fit. `problems` make attaching impossible; `warnings` should be known before it."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check_profile(connection: Connection, profile: Profile) -> Misfits:
    """Compare the profile with the tables that this role sees. The connection must be in a transaction."""
    problems: list[str] = []
    warnings: list[str] = []
    for name, table in profile.tables.items():
        row = connection.execute(READ_TABLE, table.schema_and_table).fetchone()
        if row is None:
            problems.append(f"There is no table {name}.")
            continue
        oid, relkind, _, _ = row
        if relkind not in TABLES:
            problems.append(f"{name} is {KINDS.get(relkind, 'no table')}, which can have no such triggers.")
            continue
        problems += _problems_with_columns(connection, name, table, oid)
        warnings += _warnings_about_columns(connection, name, oid)
    return Misfits(tuple(problems), tuple(warnings))


def check_rights(connection: Connection, profile: Profile) -> tuple[str, ...]:
    """Return the rights that this role lacks for attaching. Tables that do not exist are left out."""
    row = connection.execute(MAY_CREATE).fetchone()
    missing = [] if row is not None and row[0] else ["It may not create a schema in this database."]
    for name, table in profile.tables.items():
        found = connection.execute(READ_TABLE, table.schema_and_table).fetchone()
        if found is None:
            continue
        lacking = [right for right, granted in zip(("SELECT", "TRIGGER"), found[2:], strict=True) if not granted]
        if lacking:
            missing.append(f"It lacks {' and '.join(lacking)} on {name}.")
    return tuple(missing)


def is_installed(connection: Connection) -> bool:
    """Return whether the database has our schema already."""
    row = connection.execute(READ_SCHEMA, (SCHEMA,)).fetchone()
    return row is not None and row[0] > 0


def _problems_with_columns(connection: Connection, name: str, table: ProfileTable, oid: int) -> Iterator[str]:
    columns = {column: not_null for column, _, not_null in connection.execute(READ_COLUMNS, (oid,))}
    for column in sorted(table.used | {*table.noise}):
        if column not in columns:
            yield f"{name} has no column {column}."
    if table.key not in columns:
        return
    unique = {column for (column,) in connection.execute(READ_UNIQUE, (oid,))}
    if table.key not in unique or not columns[table.key]:
        yield f"The column {table.key} does not identify the rows of {name}: it must be unique and NOT NULL."


def _warnings_about_columns(connection: Connection, name: str, oid: int) -> Iterator[str]:
    """Yield the columns for which a trigger could fail: `json` may contain what `jsonb` refuses."""
    for column, type_, _ in connection.execute(READ_COLUMNS, (oid,)):
        if type_ == "json":
            yield (
                f"{name}.{column} is json. A value with \\u0000 in it could be stored until now, and would be refused "
                "once the source is attached. With jsonb there is no such difference."
            )
