"""Slow statements continue. Waits end when the server hangs, or when one backend hangs for too long."""

import os
import signal

import psycopg
import pytest
from sqlalchemy import Engine, func, make_url, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.postgres.connection import connect
from app.postgres.engine import make_engine
from app.postgres.liveness import SILENCE_SECONDS, ServerHealth
from app.postgres.refusals import sqlstate
from app.settings import Settings


class SilentProbe:
    """A probe that never gets an answer."""

    def __call__(self, connected: int) -> bool:
        return False


@pytest.fixture
def conninfo(database_url: str) -> str:
    """The test database's URL in libpq's form."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_slow_statement_is_not_interrupted(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(select(func.pg_sleep(SILENCE_SECONDS * 3)))
        assert connection.scalar(select(1)) == 1


def test_a_wait_ends_when_the_server_hangs_and_the_connection_counts_as_lost(conninfo: str) -> None:
    connection = connect(ServerHealth(max_wait_seconds=35, probe=SilentProbe()), conninfo)
    with pytest.raises(psycopg.OperationalError, match="does not answer"):
        connection.execute("SELECT pg_sleep(60)")
    assert (connection.closed, connection.broken) == (True, True)


def test_a_wait_ends_when_its_own_backend_hangs_longer_than_any_statement_may_take(conninfo: str) -> None:
    connection = connect(ServerHealth(max_wait_seconds=SILENCE_SECONDS), conninfo)
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            connection.execute("SELECT 1")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_result_that_arrives_during_the_probe_is_used(conninfo: str) -> None:
    def slow_probe(connected: int) -> bool:
        # The server answers the statement while the probe runs; the probe itself fails.
        os.kill(pid, signal.SIGCONT)
        with psycopg.connect(conninfo) as other:
            other.execute("SELECT pg_sleep(0.2)")
        return False

    connection = connect(ServerHealth(max_wait_seconds=35, probe=slow_probe), conninfo)
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        os.kill(pid, signal.SIGCONT)
        connection.close()


def test_the_pool_replaces_a_connection_whose_server_hung(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.connect() as connection:
        with monkeypatch.context() as patched:
            patched.setattr(ServerHealth, "is_answering", lambda _health, _socket_fd: False)
            with pytest.raises(OperationalError) as caught:
                connection.execute(select(func.pg_sleep(60)))
        assert caught.value.connection_invalidated
    with engine.connect() as connection:
        assert connection.scalar(select(1)) == 1


def test_a_lock_timeout_ends_a_wait_for_a_lock(settings: Settings, engine: Engine) -> None:
    hasty = make_engine(settings, application_name="hasty", lock_timeout_ms=50)
    with engine.connect() as holder, hasty.connect() as waiter:
        holder.execute(text("LOCK TABLE flow"))
        with pytest.raises(DBAPIError) as caught:
            waiter.execute(text("LOCK TABLE flow"))
        assert sqlstate(caught.value) == "55P03"
    hasty.dispose()


def test_a_process_that_hangs_in_its_transaction_loses_the_transaction_and_its_locks(
    settings: Settings, engine: Engine
) -> None:
    brief = settings.model_copy(update={"database_idle_transaction_timeout_ms": 100})
    hung = make_engine(brief, application_name="hung")
    with hung.connect() as holder, engine.connect() as waiter:
        holder.execute(text("LOCK TABLE flow"))
        # The lock is released without any action of the holder.
        waiter.execute(text("LOCK TABLE flow"))
        with pytest.raises(DBAPIError):
            holder.execute(select(1))
    hung.dispose()
