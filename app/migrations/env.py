"""Runs the migrations for Alembic. `app.cli.migrate` passes the engine in the attributes of the configuration."""

import time

from alembic import context
from sqlalchemy import Connection, text

import app.models  # noqa: F401  # The tables register themselves when they are imported.
from app.errors import StartupError
from app.postgres.base import Base

# An arbitrary number. It must never change, because processes of all versions must use the same lock.
_LOCK_KEY = 5_283_941_702
_LOCK_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _wait_for_turn(connection: Connection) -> None:
    """Take the advisory lock that lets only one process migrate. It is released when the transaction ends.

    This polls for the lock. A waiting statement would hold a PostgreSQL snapshot, and CREATE INDEX CONCURRENTLY in the
    process that has the lock would wait for that snapshot. An idle transaction holds none.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    take = text("SELECT pg_try_advisory_xact_lock(:key)")
    while not connection.execute(take, {"key": _LOCK_KEY}).scalar_one():
        connection.rollback()
        if time.monotonic() >= deadline:
            raise StartupError(f"Another process has been migrating the database for {_LOCK_WAIT_SECONDS:g} s.")
        time.sleep(_POLL_SECONDS)


# Two connections, because a migration may need several transactions, or none, and the lock must outlive them. A lock of
# the session would stay in a pooler's connection.
_engine = context.config.attributes["engine"]
with _engine.connect() as _turn, _engine.connect() as _connection:
    _wait_for_turn(_turn)
    _migrate(_connection)
    _turn.commit()
