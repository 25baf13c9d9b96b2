"""How Alembic runs the migrations: `app.cli.migrate` gives it the URL in the attributes of its configuration."""

import time

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, text

import app.models  # noqa: F401  # The tables register themselves when they are imported.
from app.errors import StartupError
from app.postgres.engine import Base

# Any number will do as long as it stays the same: processes of all versions meet at it.
_LOCK_KEY = 5_283_941_702
_LOCK_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


def _migrate(connection: Connection) -> None:
    _wait_for_turn(connection)
    # A migration that waits for a busy table makes everybody behind it wait too; it rather fails and is run again.
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _wait_for_turn(connection: Connection) -> None:
    """Take the lock that lets one process migrate at a time; it is free again when the connection ends.

    It is asked for again and again, because a statement that waits for it would hold a snapshot, and the one whose
    turn it is may build an index concurrently, which waits for all snapshots.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    take = text("SELECT pg_try_advisory_lock(:key)")
    while not connection.execute(take, {"key": _LOCK_KEY}).scalar_one():
        connection.commit()
        if time.monotonic() >= deadline:
            raise StartupError(f"Another process has been migrating the database for {_LOCK_WAIT_SECONDS:g} s.")
        time.sleep(_POLL_SECONDS)
    connection.commit()


_url = context.config.attributes["database_url"]
_engine = create_engine(_url, poolclass=NullPool, connect_args={"application_name": "aftercommit migrate"})
with _engine.connect() as _connection:
    _migrate(_connection)
